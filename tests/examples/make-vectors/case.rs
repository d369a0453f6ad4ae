//! One case of a vector file, its fields in the order in which they are read.

use serde_json::{Value, json};

pub(crate) struct Case {
    pub(crate) folder: &'static str,
    pub(crate) name: String,
    fields: Vec<(&'static str, Value)>,
}

impl Case {
    pub(crate) fn new(folder: &'static str, kind: &'static str, name: &str, comment: &str) -> Self {
        let fields = vec![("comment", json!(comment)), ("kind", json!(kind))];
        Self { folder, name: name.to_owned(), fields }
    }

    pub(crate) fn hex(self, field: &'static str, octets: impl AsRef<[u8]>) -> Self {
        self.json(field, json!(hex(octets.as_ref())))
    }

    pub(crate) fn text(self, field: &'static str, text: &str) -> Self {
        self.json(field, json!(text))
    }

    pub(crate) fn number(self, field: &'static str, number: u64) -> Self {
        self.json(field, json!(number))
    }

    pub(crate) fn json(mut self, field: &'static str, value: Value) -> Self {
        self.fields.push((field, value));
        self
    }

    /// It must be accepted.
    pub(crate) fn ok(self) -> Self {
        self.fails("ok")
    }

    /// It must be refused, with this outcome.
    pub(crate) fn fails(self, outcome: &str) -> Self {
        self.json("expect", json!(outcome))
    }

    /// The file.
    pub(crate) fn to_json(&self) -> String {
        let field = |(name, value): &(&str, Value)| format!("  {}: {value}", json!(name));
        let fields: Vec<String> = self.fields.iter().map(field).collect();
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
