use std::io::Write;
use std::path::PathBuf;

use chrono::DateTime;
use domain::{Currency, Rate};

use super::*;

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const LINE: &str = "536365,85123A,HOLDER,6,2010-12-01 08:26,2.55,17850,United Kingdom\n";

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kava-import-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn batches(name: &str, bytes: &[u8]) -> Result<Vec<Batch>, ImportError> {
    let layout = Layout { columns: vec![], delimiter: None };
    let reading = Reading {
        currency: Currency::GBP,
        cancellation_prefix: "C".to_owned(),
        assume_margin: Some(Rate(3_500)),
        date_format: None,
        now: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
    };
    let mut all = Vec::new();
    let progress = Arc::default();
    read(&file(name, bytes), &layout, &reading, &progress, |batch| {
        all.push(batch);
        true
    })?;
    assert_eq!(progress.lines.load(Ordering::Relaxed), all.iter().map(|b| b.read).sum::<u64>());
    Ok(all)
}

fn fails(name: &str, bytes: &[u8], line: u64, hint: &str) {
    match batches(name, bytes) {
        Err(ImportError::Broken { line: at, what, .. }) => {
            assert!(at == line && what.contains(hint), "{name}: line {at}: {what}");
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn broken_files_say_the_line_and_what_to_do() {
    let good = format!("{HEADER}{LINE}");
    fails("empty.csv", b"", 1, "empty");
    fails("headless.csv", LINE.as_bytes(), 1, "--column receipt=HEADER");
    fails("short.csv", format!("{good}536365,85123A,HOLDER\n").as_bytes(), 3, "3 fields where the header has 8");
    fails("latin1.csv", &[good.as_bytes(), b"1,2,caf\xe9,1,2010-12-01,1,1,UK\n"].concat(), 3, "iconv");
    fails("nan.csv", format!("{good}1,2,x,NaN,2010-12-01,1,1,UK\n").as_bytes(), 3, "not a whole number");
    fails("quote.csv", &[good.as_bytes(), b"1,\"", &vec![b'x'; 3 << 20]].concat(), 3, "never closed");
    let packed = gzip(format!("{HEADER}{}", LINE.repeat(5_000)).as_bytes());
    match batches("cut.csv.gz", &packed[..packed.len() / 2]) {
        Err(ImportError::Broken { what, .. }) => assert!(what.contains("cut off"), "{what}"),
        other => panic!("{other:?}"),
    }
    let mut damaged = packed.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 20].fill(0xff);
    assert!(matches!(batches("damaged.csv.gz", &damaged), Err(ImportError::Broken { .. })));
    assert!(matches!(
        read(
            std::path::Path::new("/there/is/no.csv"),
            &Layout { columns: vec![], delimiter: None },
            &Reading {
                currency: Currency::GBP,
                cancellation_prefix: String::new(),
                assume_margin: None,
                date_format: None,
                now: DateTime::UNIX_EPOCH
            },
            &Arc::default(),
            |_| true
        ),
        Err(ImportError::Open { .. })
    ));
}

#[test]
fn plain_and_packed_are_one_and_a_byte_order_mark_is_no_matter() {
    let text = format!("{HEADER}{LINE}");
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes()), format!("\u{feff}{text}").into_bytes()] {
        let all = batches("any.csv", &bytes).unwrap();
        assert_eq!((all.len(), all[0].receipts.len(), all[0].read), (1, 1, 1));
    }
    let semicolons = text.replace(',', ";");
    assert_eq!(batches("semicolons.csv", semicolons.as_bytes()).unwrap()[0].receipts[0].lines.len(), 1);
}

#[test]
fn batches_end_with_a_receipt_and_the_file_may_come_back_to_one() {
    let mut text = HEADER.to_owned();
    for receipt in 0..100 {
        for line in 0..300 {
            text.push_str(&format!("{receipt},{line}a,THING,1,2010-12-01 08:26,1.00,7,UK\n"));
        }
    }
    text.push_str("99,9999a,LATE,1,2010-12-01 08:27,1.00,7,UK\n0,9999a,LATE,1,2010-12-01 08:27,1.00,7,UK\n");
    let all = batches("many.csv", text.as_bytes()).unwrap();
    assert!(all.len() > 1);
    assert_eq!(all.iter().map(|b| b.read).sum::<u64>(), 30_002);
    assert!(all[..all.len() - 1].iter().all(|b| b.receipts.iter().all(|r| r.lines.len() == 300)));
    let last = &all[all.len() - 1].receipts;
    assert_eq!(last.iter().find(|r| r.number == "99").unwrap().lines.len(), 301);
    assert_eq!(last.iter().find(|r| r.number == "0").unwrap().lines.len(), 1);
}

#[test]
fn one_receipt_has_one_customer() {
    let text = format!("{HEADER}{LINE}{}", LINE.replace("17850", "17851"));
    let all = batches("customers.csv", text.as_bytes()).unwrap();
    assert_eq!(all[0].rejects.len(), 1);
    assert_eq!((all[0].rejects[0].line, all[0].rejects[0].key), (3, "customer-differs"));
}
