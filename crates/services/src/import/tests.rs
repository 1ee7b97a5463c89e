//! The story on the real PostgreSQL: accounted for, twice is as once, and all or nothing.

use std::fs;
use std::path::PathBuf;

use contract::Refusal;
use domain::Phone;
use sqlx::PgPool;
use testkit::TestDatabase;

use super::*;
use crate::testing::{self, Bare};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const FILE: &str = "\
536365,85123A,WHITE HEART HOLDER,6,2010-12-01 08:26,2.55,17850,United Kingdom
536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26,3.39,17850,United Kingdom
536366,85123A,RED HEART HOLDER,1,2010-12-02 08:26,2.65,,United Kingdom
C536379,85123A,WHITE HEART HOLDER,-1,2010-12-03 09:41,2.55,17850,United Kingdom
536367,POST,POSTAGE,1,2010-12-04 08:26,18.00,12583,France
536367,22633,damages,0,2010-12-04 08:26,1.00,12583,France
536368,22633,?,-3,2010-12-04 08:27,0.00,,United Kingdom
536369,PADS1,PADS,1,2010-12-04 08:28,0.001,12583,United Kingdom
536365,22633,HAND WARMER,2,2010-12-01 08:27,1.85,17850,United Kingdom
";

struct Scene {
    shop: Shop,
    pool: PgPool,
    folder: PathBuf,
    _database: TestDatabase,
}

impl Scene {
    async fn set(name: &str) -> Self {
        let Bare { shop, pool, database } = testing::bare("2026-11-21T08:00:00Z").await;
        let folder = std::env::temp_dir().join(format!("kava-story-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { shop, pool, folder, _database: database }
    }

    fn write(&self, name: &str, lines: &str) -> ReceiptsImport {
        let file = self.folder.join(name);
        fs::write(&file, format!("{HEADER}{lines}")).unwrap();
        ReceiptsImport {
            file,
            columns: vec![],
            currency: Currency::GBP,
            assume_margin: Some(Rate(3_500)),
            rejects: None,
            time_zone: Some("Europe/London".to_owned()),
            cancellation_prefix: "C".to_owned(),
            date_format: None,
            delimiter: None,
        }
    }

    async fn import(&self, import: ReceiptsImport) -> Result<Report, ImportError> {
        let report = self.shop.import_receipts(import, Arc::default()).await?;
        assert!(report.adds_up(), "{report:?}");
        Ok(report)
    }

    /// Everything that an import may change, but for the log of imports.
    async fn contents(&self) -> String {
        let mut all = String::new();
        for table in ["shop", "receipts", "receipt_lines", "customers", "products", "categories"] {
            let sql = format!(
                "select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]')::text from {table} t"
            );
            all += &sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap();
        }
        all
    }

    async fn text(&self, sql: &'static str) -> String {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn every_line_is_accounted_for_and_a_second_import_changes_nothing() {
    let scene = Scene::set("once").await;
    let report = scene.import(scene.write("a.csv", FILE)).await.unwrap();
    let counts =
        (report.lines, report.imported, report.returned, report.anonymous, report.rejected, report.already_there);
    assert_eq!(counts, (9, 4, 1, 1, 3, 0));
    assert_eq!((report.receipts, report.customers, report.new_customers), (4, 2, 2));
    let rejects = fs::read_to_string(report.rejects_file.unwrap()).unwrap();
    let reasons: Vec<String> = rejects.lines().map(|l| l.split(',').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(reasons, ["line reason", "7 quantity-zero", "8 quantity-negative", "9 price-too-fine"]);

    // The receipt that the file came back to is one receipt, with sums and positions that go on.
    assert_eq!(
        scene
            .text(
                "select lines || ' ' || total || ' ' || (select string_agg(position || sku, ',' order by position)
            from receipt_lines where receipt_id = id) from receipts where number = '536365'"
            )
            .await,
        "3 3934 085123A,171053,222633"
    );
    // British winter time is UTC; the return is negative; the cost is what the margin leaves.
    assert_eq!(
        scene
            .text(
                "select kind || total || to_char(at at time zone 'UTC', ' HH24:MI ') || unit_cost || quantity
            from receipts join receipt_lines on receipt_id = id where number = 'C536379'"
            )
            .await,
        "return-255 09:41 166-1"
    );
    // The latest price and name count, and postage is never offered.
    assert_eq!(
        scene.text("select price || name || cost || offerable from products where sku = '85123A'").await,
        "255WHITE HEART HOLDER166true"
    );
    assert_eq!(scene.text("select offerable || category from products where sku = 'POST'").await, "falseother");
    // Features follow in the same transaction.
    assert_eq!(
        scene.text("select visits || ' ' || spent || ' ' || composition::jsonb::text || name from customers where external_id = '17850'").await,
        "1 3679 {\"other\": 3679}"
    );

    let before = scene.contents().await;
    let again = scene.import(scene.write("a.csv", FILE)).await.unwrap();
    assert_eq!((again.already_there, again.rejected, again.imported), (6, 3, 0));
    assert_eq!(scene.contents().await, before);
}

/// Three customers, and some thousands of lines between the two parts of a receipt.
fn long_file() -> String {
    let mut lines = String::from("R1,a1,MUG,1,2010-12-01 08:26,2.00,17850,UK\n");
    for number in 0..9_000 {
        lines += &format!("N{},b{},JUG,1,2010-12-02 08:26,1.00,,UK\n", number / 3, number % 7);
    }
    lines += "R2,a1,MUG,1,2010-12-03 08:26,2.00,12583,UK\nR3,a1,MUG,1,2010-12-03 08:27,2.00,12584,UK\n";
    for number in 0..9_000 {
        lines += &format!("M{},b{},JUG,1,2010-12-04 08:26,1.00,,UK\n", number / 3, number % 7);
    }
    lines
        + "R1,a2,CUP,1,2010-12-01 08:26,3.00,17850,UK\nR2,a2,CUP,1,2010-12-03 08:26,3.00,99999,UK\n\
           N0,a2,CUP,1,2010-12-02 08:26,3.00,17850,UK\nR4,a2,CUP,2,2010-12-05 08:26,3.00,17850,UK\n"
}

#[tokio::test]
async fn a_file_may_come_back_to_a_receipt_however_few_customers_fit_in_memory() {
    let features =
        "select string_agg(external_id || ':' || visits || ':' || spent || ':' || composition::jsonb::text, ' '
        order by external_id) from customers";
    let mut seen = Vec::new();
    for most_customers in [MOST_CUSTOMERS, 2] {
        let scene = Scene::set(&format!("back-{most_customers}")).await;
        let import = scene.write("long.csv", &long_file());
        let report = scene.shop.import_within(import, Arc::default(), most_customers).await.unwrap();
        assert!(report.adds_up(), "{report:?}");
        assert_eq!((report.imported, report.anonymous, report.new_customers), (5, 18_000, 3));
        assert_eq!(report.rejected_by_reason, BTreeMap::from([("customer-differs".to_owned(), 2)]));
        assert_eq!(scene.text("select lines || ' ' || total from receipts where number = 'R1'").await, "2 500");
        seen.push(scene.text(features).await);
    }
    assert_eq!(seen[0], "12583:1:200:{\"other\": 200} 12584:1:200:{\"other\": 200} 17850:2:1100:{\"other\": 1100}");
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn an_overlapping_file_adds_only_what_is_new_and_other_content_is_rejected() {
    let scene = Scene::set("overlap").await;
    scene.import(scene.write("a.csv", FILE)).await.unwrap();
    let more = "536366,85123A,RED HEART HOLDER,1,2010-12-02 08:26,2.65,,United Kingdom
536366,85123A,RED HEART HOLDER,1,2010-12-02 08:26,2.65,,United Kingdom
536367,POST,POSTAGE,1,2010-12-04 08:26,18.00,12583,France
536365,85123A,WHITE HEART HOLDER,7,2010-12-01 08:26,2.55,17850,United Kingdom
536400,85123A,WHITE HEART HOLDER,1,2010-12-09 08:26,2.75,17850,United Kingdom
536401,71053,OLD LANTERN,1,2010-12-01 08:26,9.99,12583,United Kingdom
";
    let report = scene.import(scene.write("b.csv", more)).await.unwrap();
    assert_eq!((report.already_there, report.rejected, report.imported), (2, 2, 2));
    assert_eq!(report.rejected_by_reason.get("receipt-differs"), Some(&2));
    assert_eq!(scene.text("select visits || ' ' || spent from customers where external_id = '17850'").await, "2 3954");
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert_eq!(store::segments::refresh(&mut tx, store::segments::Whose::Everybody).await.unwrap(), 0);
    drop(tx);
    // News changes a product, history does not.
    assert_eq!(scene.text("select price || name from products where sku = '85123A'").await, "275WHITE HEART HOLDER");
    assert_eq!(scene.text("select price || name from products where sku = '71053'").await, "339WHITE METAL LANTERN");
}

#[tokio::test]
async fn a_broken_file_leaves_the_database_and_the_folder_as_they_were() {
    let scene = Scene::set("broken").await;
    let empty = scene.contents().await;
    for (lines, hint) in [
        (format!("{FILE}536370,1a,X,NaN,2010-12-01,1.00,,UK\n"), "line 11, column Quantity"),
        (format!("{FILE}536370,1a,X,1,2010-12-01,1e999,,UK\n"), "line 11, column UnitPrice"),
        (format!("{FILE}536370,1a,X,99999999999,2010-12-01,1,,UK\n"), "larger than a quantity"),
        (format!("{FILE}536370,1a,X\n"), "3 fields where the header has 8"),
        (format!("{FILE}536370,1a,X,1,yesterday,1,,UK\n"), "--date-format"),
    ] {
        let error = scene.import(scene.write("broken.csv", &lines)).await.unwrap_err().to_string();
        assert!(error.contains(hint) && error.ends_with("Nothing was imported."), "{error}");
        assert_eq!(scene.contents().await, empty);
    }
    let left: Vec<_> = fs::read_dir(&scene.folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["broken.csv"], "no rejects and no part of them");
    assert_eq!(scene.import(scene.write("a.csv", FILE)).await.unwrap().imported, 4, "and the next import works");
}

#[tokio::test]
async fn what_does_not_fit_the_shop_is_refused() {
    let scene = Scene::set("fit").await;
    scene.import(scene.write("a.csv", FILE)).await.unwrap();
    let before = scene.contents().await;
    let euros = ReceiptsImport { currency: Currency::EUR, ..scene.write("a.csv", FILE) };
    assert!(matches!(scene.import(euros).await, Err(ImportError::OtherCurrency { .. })));
    let nowhere = ReceiptsImport { time_zone: Some("Mars/Olympus".to_owned()), ..scene.write("a.csv", FILE) };
    assert!(matches!(scene.import(nowhere).await, Err(ImportError::Option(_))));
    let margin = ReceiptsImport { assume_margin: Some(Rate(10_001)), ..scene.write("a.csv", FILE) };
    assert!(matches!(scene.import(margin).await, Err(ImportError::Option(_))));
    assert_eq!(scene.contents().await, before);
}

#[tokio::test]
async fn one_import_at_a_time() {
    let scene = Scene::set("lock").await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert!(store::import::try_lock(&mut tx).await.unwrap());
    assert!(matches!(scene.import(scene.write("a.csv", FILE)).await, Err(ImportError::Busy)));
    drop(tx);
}

#[tokio::test]
async fn a_customer_of_the_receipts_gets_a_phone() {
    let scene = Scene::set("phone").await;
    scene.import(scene.write("a.csv", FILE)).await.unwrap();
    let phone = Phone::parse("+44 7700 900123").unwrap();
    let key = |refusal: Result<(), Refusal>| refusal.unwrap_err().key;
    assert_eq!(key(scene.shop.set_phone("1", &phone).await), "customer-not-found");
    scene.shop.set_phone("17850", &phone).await.unwrap();
    scene.shop.set_phone("17850", &phone).await.unwrap();
    assert_eq!(key(scene.shop.set_phone("12583", &phone).await), "phone-taken");
    assert_eq!(scene.text("select phone from customers where external_id = '17850'").await, "+447700900123");
}

#[tokio::test]
async fn the_real_receipts_import_whole() {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/online_retail.csv.gz"));
    assert!(file.is_file(), "{} is missing: put the data sets there", file.display());
    let scene = Scene::set("real").await;
    let import = |name: &str| ReceiptsImport {
        file: file.clone(),
        rejects: Some(scene.folder.join(name)),
        ..scene.write("none.csv", "")
    };
    let report = scene.import(import("first.csv")).await.unwrap();
    assert_eq!(report.lines, 240_007);
    assert_eq!(report.rejected_by_reason.get("quantity-negative"), Some(&737));
    assert_eq!(report.rejected_by_reason.get("price-too-fine"), Some(&1));
    assert_eq!((report.returned, report.rejected), (4_350, 738));
    assert_eq!((report.customers, report.new_customers), (2_974, 2_974));
    let lines = fs::read_to_string(scene.folder.join("first.csv")).unwrap().lines().count();
    assert_eq!(lines, 739);
    let stored: i64 = sqlx::query_scalar("select count(*) from receipt_lines").fetch_one(&scene.pool).await.unwrap();
    assert_eq!(stored.unsigned_abs(), report.imported + report.returned + report.anonymous);
    let wrong: i64 = sqlx::query_scalar(
        "select count(*) from receipts r full join (select receipt_id, count(*) as lines, sum(quantity * unit_price) as total
            from receipt_lines group by receipt_id) l on l.receipt_id = r.id
            where (r.lines, r.total) is distinct from (l.lines, l.total)",
    )
    .fetch_one(&scene.pool)
    .await
    .unwrap();
    assert_eq!(wrong, 0, "every receipt is the sum of its lines");

    let mut tx = scene.shop.store.begin().await.unwrap();
    let repaired = store::segments::refresh(&mut tx, store::segments::Whose::Everybody).await.unwrap();
    assert_eq!(repaired, 0, "what was counted on the way is what the receipts say");
    drop(tx);

    let again = scene.import(import("second.csv")).await.unwrap();
    assert_eq!((again.already_there, again.rejected, again.receipts), (240_007 - 738, 738, 0));
}
