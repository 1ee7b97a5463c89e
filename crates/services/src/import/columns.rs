//! Which column of the file is what.

use std::fmt;
use std::str::FromStr;

/// What a column can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Receipt,
    Sku,
    Name,
    Quantity,
    At,
    UnitPrice,
    Cost,
    Customer,
    Category,
}

impl Field {
    pub const ALL: [Self; 9] = [
        Self::Receipt,
        Self::Sku,
        Self::Name,
        Self::Quantity,
        Self::At,
        Self::UnitPrice,
        Self::Cost,
        Self::Customer,
        Self::Category,
    ];

    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Sku => "sku",
            Self::Name => "name",
            Self::Quantity => "quantity",
            Self::At => "at",
            Self::UnitPrice => "unit_price",
            Self::Cost => "cost",
            Self::Customer => "customer",
            Self::Category => "category",
        }
    }

    fn is_required(self) -> bool {
        matches!(self, Self::Receipt | Self::Sku | Self::Quantity | Self::At | Self::UnitPrice)
    }

    /// Headers that are taken without being told, in lower case without blanks and signs; the likeliest first.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Receipt => &["receipt", "receiptnumber", "receiptno", "receiptid", "invoiceno", "invoice", "orderid"],
            Self::Sku => &["sku", "stockcode", "productcode", "productid", "itemcode", "itemid", "article"],
            Self::Name => &["name", "productname", "description", "item", "product", "title"],
            Self::Quantity => &["quantity", "qty", "count", "amount"],
            Self::At => &["at", "invoicedate", "soldat", "datetime", "timestamp", "date", "time"],
            Self::UnitPrice => &["unitprice", "price"],
            Self::Cost => &["unitcost", "cost", "costprice"],
            Self::Customer => &["customer", "customerid", "customercode", "client", "clientid"],
            Self::Category => &["category", "group", "department"],
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// `receipt=InvoiceNo`, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub field: Field,
    pub header: String,
}

impl FromStr for Mapping {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let fields = || Field::ALL.map(Field::key).join(", ");
        let (key, header) =
            text.split_once('=').ok_or_else(|| format!("write FIELD=HEADER; fields are {}", fields()))?;
        let field = Field::ALL
            .into_iter()
            .find(|f| f.key() == key.trim())
            .ok_or_else(|| format!("no field is called {key:?}; fields are {}", fields()))?;
        Ok(Self { field, header: header.trim().to_owned() })
    }
}

/// Where each field stands in a record.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    places: [Option<usize>; Field::ALL.len()],
    headers: Vec<String>,
}

impl Columns {
    /// Finds every field among the headers: by what was told, else by the usual names.
    ///
    /// # Errors
    /// Says which header is missing and how to tell it.
    pub(crate) fn find(headers: Vec<String>, told: &[Mapping]) -> Result<Self, String> {
        let plain =
            |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
        let plain_headers: Vec<String> = headers.iter().map(|h| plain(h)).collect();
        let list = || headers.iter().map(|h| format!("{h:?}")).collect::<Vec<_>>().join(", ");
        let mut places = [None; Field::ALL.len()];
        for field in Field::ALL {
            let place = match told.iter().rev().find(|m| m.field == field) {
                Some(mapping) => {
                    let found = headers.iter().position(|h| h.trim() == mapping.header);
                    Some(found.ok_or_else(|| {
                        format!("there is no column {:?} for `{field}`; the file has {}", mapping.header, list())
                    })?)
                }
                None => field.usual().iter().find_map(|usual| plain_headers.iter().position(|h| h == usual)),
            };
            if place.is_none() && field.is_required() {
                return Err(format!(
                    "no column looks like `{field}`; the file has {}. Name it: --column {field}=HEADER",
                    list()
                ));
            }
            places[field as usize] = place;
        }
        Ok(Self { places, headers })
    }

    /// The field's text, trimmed; empty where the file has no such column.
    pub(crate) fn get<'r>(&self, record: &'r csv::StringRecord, field: Field) -> &'r str {
        self.places[field as usize].and_then(|place| record.get(place)).unwrap_or("").trim()
    }

    /// The header of a field as the file writes it, for messages.
    pub(crate) fn header(&self, field: Field) -> &str {
        self.places[field as usize].and_then(|place| self.headers.get(place)).map_or(field.key(), String::as_str)
    }

    /// The header of a column by its place.
    pub(crate) fn header_at(&self, place: usize) -> &str {
        self.headers.get(place).map_or("?", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn online_retail_needs_no_mapping() {
        let names = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"];
        let columns = Columns::find(headers(&names), &[]).unwrap();
        let record = csv::StringRecord::from(vec!["536365", " 85123A ", "HOLDER", "6", "2010-12-01 08:26", "2.55", ""]);
        assert_eq!(columns.get(&record, Field::Receipt), "536365");
        assert_eq!(columns.get(&record, Field::Sku), "85123A");
        assert_eq!(columns.get(&record, Field::At), "2010-12-01 08:26");
        assert_eq!(columns.get(&record, Field::Category), "");
    }

    #[test]
    fn a_told_column_wins_and_a_missing_one_says_what_to_do() {
        let names = ["receipt", "Bon", "sku", "quantity", "at", "price"];
        let columns = Columns::find(headers(&names), &["receipt=Bon".parse().unwrap()]).unwrap();
        assert_eq!(columns.header(Field::Receipt), "Bon");
        let error = Columns::find(headers(&names), &["receipt=Nr".parse().unwrap()]).unwrap_err();
        assert!(error.contains("\"Nr\"") && error.contains("\"Bon\""), "{error}");
        let error = Columns::find(headers(&["sku", "quantity", "at", "price"]), &[]).unwrap_err();
        assert!(error.contains("--column receipt=HEADER"), "{error}");
    }

    #[test]
    fn a_mapping_is_read_or_says_the_fields() {
        assert!("colour=X".parse::<Mapping>().unwrap_err().contains("unit_price"));
        assert!("receipt".parse::<Mapping>().unwrap_err().contains("FIELD=HEADER"));
    }
}
