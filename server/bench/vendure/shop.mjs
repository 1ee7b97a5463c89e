// A Vendure shop with the goods and the promotions of `cargo xtask bench peer`, on the PostgreSQL that the bench gives.
//
// Reads its goods and promotions as JSON from the file that it is started with, prints one line of JSON when it serves
// (where, and each product's variant by SKU), and ends when its stdin does.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import core from '@vendure/core';
import cli from '@vendure/core/cli/index.js';
import { parse } from 'pg-connection-string';

const { LanguageCode, PromotionService, RequestContextService, ProductVariantService } = core;
const { database_url, database, port, goods, promotions } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { host, port: postgresPort, user: username, password } = parse(database_url);
const postgres = { type: 'postgres', host, port: Number(postgresPort || 5432), username, password: password || undefined, database };
const folder = mkdtempSync(join(tmpdir(), 'kava-bench-vendure-'));

const config = (synchronize) => ({
    logger: new core.DefaultLogger({ level: core.LogLevel.Error }),
    apiOptions: { hostname: '127.0.0.1', port, shopApiPath: 'shop-api', adminApiPath: 'admin-api' },
    authOptions: { tokenMethod: ['bearer', 'cookie'], requireVerification: false },
    dbConnectionOptions: { ...postgres, synchronize, logging: false },
    importExportOptions: { importAssetsDir: folder },
    // As many of one product as anybody puts into a cart.
    orderOptions: { orderItemsLimit: 100_000 },
    paymentOptions: { paymentMethodHandlers: [] },
});

const initialData = {
    defaultLanguage: LanguageCode.en,
    defaultZone: 'Europe',
    countries: [{ name: 'Ireland', code: 'IE', zone: 'Europe' }],
    taxRates: [{ name: 'None', percentage: 0 }],
    shippingMethods: [],
    paymentMethods: [],
    collections: [],
};

function csv() {
    const head = 'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets';
    const rows = goods.map(({ sku, price }) => `${sku},${sku},,,,,,${sku},${(price / 100).toFixed(2)},none,1000000,false,,`);
    const file = join(folder, 'goods.csv');
    writeFileSync(file, [head, ...rows].join('\n') + '\n');
    return file;
}

const arg = (name, value) => ({ name, value: JSON.stringify(value) });

// A rate off all of the cart, or off some of its products.
function action({ percent, skus }, variants) {
    return skus.length === 0
        ? { code: 'order_percentage_discount', arguments: [arg('discount', percent)] }
        : {
              code: 'products_percentage_discount',
              arguments: [arg('discount', percent), arg('productVariantIds', skus.map((sku) => variants[sku]))],
          };
}

async function main() {
    const filling = await cli.populate(() => core.bootstrap(config(true)), initialData, csv());
    await filling.close();
    const app = await core.bootstrap(config(false));
    // Its clients keep their connections while the other side has its turn.
    app.getHttpServer().keepAliveTimeout = 600_000;
    const ctx = await app.get(RequestContextService).create({ apiType: 'admin' });
    const found = await app.get(ProductVariantService).findAll(ctx, { take: goods.length });
    const variants = Object.fromEntries(found.items.map(({ sku, id }) => [sku, String(id)]));
    for (const promotion of promotions) {
        const made = await app.get(PromotionService).createPromotion(ctx, {
            enabled: true,
            conditions: [
                { code: 'minimum_order_amount', arguments: [arg('amount', promotion.at_least), arg('taxInclusive', true)] },
            ],
            actions: [action(promotion, variants)],
            translations: [{ languageCode: LanguageCode.en, name: promotion.name }],
        });
        if (made.errorCode) throw new Error(JSON.stringify(made));
    }
    console.log(JSON.stringify({ version: core.VENDURE_VERSION, variants }));
    process.stdin.resume();
    process.stdin.on('end', async () => {
        await app.close();
        process.exit(0);
    });
}

process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
main().catch((error) => {
    console.error(error);
    process.exit(1);
});
