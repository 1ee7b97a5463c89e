-- Numbers, codes and skus are compared byte by byte, whatever the cluster's language: as docs/till.md orders skus, the same
-- on every machine, and without asking the C library at every step down an index.
alter table receipts alter column number type text collate "C";
alter table customers
    alter column external_id type text collate "C",
    alter column static_code type text collate "C";
alter table products alter column sku type text collate "C";
alter table receipt_lines alter column sku type text collate "C";
