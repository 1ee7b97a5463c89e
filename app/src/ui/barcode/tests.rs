//! What we draw is read back by a decoder that knows nothing of the encoder.

use rxing::BarcodeFormat;
use rxing::helpers::detect_in_luma;

use super::*;

const SCALE: u32 = 4;

/// Paints the path's rectangles on white, `SCALE` pixels a module.
fn raster(width: u32, height: u32, path: &str) -> (u32, u32, Vec<u8>) {
    let (w, h) = (width * SCALE, height * SCALE);
    let mut luma = vec![255_u8; (w * h) as usize];
    for rectangle in path.split_terminator('z') {
        let body = rectangle.strip_prefix('M').unwrap();
        let (origin, rest) = body.split_once('h').unwrap();
        let (x, y) = origin.split_once(' ').unwrap();
        let (run, rest) = rest.split_once('v').unwrap();
        let (tall, back) = rest.split_once("h-").unwrap();
        assert_eq!(run, back, "a rectangle closes where it began");
        let [x, y, run, tall]: [u32; 4] = [x, y, run, tall].map(|n| n.parse().unwrap());
        assert!(x + run <= width && y + tall <= height, "inside the picture");
        for row in y * SCALE..(y + tall) * SCALE {
            for column in x * SCALE..(x + run) * SCALE {
                luma[(row * w + column) as usize] = 0;
            }
        }
    }
    (w, h, luma)
}

fn decode(width: u32, height: u32, path: &str, format: BarcodeFormat) -> String {
    let (w, h, luma) = raster(width, height, path);
    detect_in_luma(luma, w, h, Some(format)).expect("a decoder reads it").getText().to_owned()
}

fn read_qr(text: &str) -> String {
    let (side, path) = qr_path(text).expect("it fits");
    decode(side, side, &path, BarcodeFormat::QR_CODE)
}

fn read_128(text: &str) -> String {
    let (width, path) = code128_path(text).expect("it is ASCII");
    decode(width, code128_height(), &path, BarcodeFormat::CODE_128)
}

#[test]
fn a_scanner_reads_both_codes_of_a_customer() {
    let digits = domain::code::StaticCode::from_seed(123_456_789_012_345);
    assert_eq!(read_128(digits.as_str()), digits.as_str());
    assert_eq!(read_qr(digits.as_str()), digits.as_str());
    let rotating = "K10123456789ABCDEFG0123456789ABCDEF";
    assert_eq!(read_qr(rotating), rotating);
    assert_eq!(read_128(rotating), rotating);
}

#[test]
fn a_scanner_reads_every_mix_of_digits_and_letters() {
    for text in [
        "7",
        "42",
        "123",
        "1234",
        "12345",
        "A1",
        "A12345",
        "12345A",
        "AB123456CD",
        "a 1234567 b",
        "0-00-000-0000",
        "~}|{",
    ] {
        assert_eq!(read_128(text), text);
    }
}

#[test]
fn digits_are_written_in_pairs() {
    // Quiet zones, start, eight pairs, check, stop and termination bar.
    assert_eq!(code128_path("1234567890123456").unwrap().0, 2 * 10 + 11 * (1 + 8 + 1 + 1) + 2);
}

#[test]
fn what_cannot_be_drawn_is_none() {
    assert_eq!(qr_path(""), None);
    assert_eq!(code128_path(""), None);
    assert_eq!(code128_path("кофе"), None);
    assert_eq!(code128_path("\u{106}12\n"), None);
    assert_eq!(qr_path(&"x".repeat(100_000)), None);
    assert_eq!(code128_path(&"1".repeat(100_000)), None);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_drawn_or_refused(text in "\\PC{0,120}") {
        let _ = qr_path(&text);
        let _ = code128_path(&text);
    }

    #[test]
    fn any_ascii_comes_back(text in "[ -~]{1,40}") {
        proptest::prop_assert_eq!(read_128(&text), text);
    }

    #[test]
    fn any_capital_text_comes_back_by_qr(text in "[0-9A-Z]{1,60}") {
        proptest::prop_assert_eq!(read_qr(&text), text);
    }
}
