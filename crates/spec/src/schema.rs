//! The JSON Schema of the spec, for editors. Made from the same table as the reader.

use serde_json::{Map, Value, json};

use crate::shape::{CLUSTER, Field, Kind, Shape};

/// The schema as text (draft 2020-12), the same bytes for the same Klamm.
pub fn json_schema() -> String {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("Klamm spec"));
    schema.insert("description".to_owned(), json!("One Kafka cluster as its operator wants it."));
    schema.extend(object(&CLUSTER));
    let mut text =
        serde_json::to_string_pretty(&Value::Object(schema)).expect("a schema has only string keys");
    text.push('\n');
    text
}

fn object(shape: &Shape) -> Map<String, Value> {
    let properties: Map<String, Value> =
        shape.fields.iter().map(|field| (field.key.to_owned(), Value::Object(property(field)))).collect();
    let required: Vec<&str> =
        shape.fields.iter().filter(|field| field.is_required()).map(|field| field.key).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn property(field: &Field) -> Map<String, Value> {
    let mut property = Map::new();
    let without =
        if field.is_required() { "Required.".to_owned() } else { format!("Without it: {}.", field.default) };
    property.insert(
        "description".to_owned(),
        json!(format!("{} {without} Example: {}", field.doc, field.example)),
    );
    property.extend(schema(&field.kind));
    property
}

fn schema(kind: &Kind) -> Map<String, Value> {
    let value = match kind {
        // Editors read `4.3` as a number where Klamm reads text.
        Kind::Text("") => json!({ "type": ["string", "number"] }),
        Kind::Text(pattern) => json!({ "type": ["string", "number"], "pattern": pattern }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Size => {
            json!({ "type": ["string", "integer"], "pattern": "^[0-9]+ ?([bB]|[kKmMgGtT]([iI][bB])?)?$" })
        }
        Kind::Duration => json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y) ?)+$" }),
        Kind::OneOf(words) => json!({ "enum": words }),
        Kind::List(item) => json!({ "type": "array", "items": schema(item) }),
        Kind::Map(shape) => return object(shape),
        Kind::Named { pattern, value } => json!({
            "type": "object",
            "propertyNames": { "pattern": pattern },
            "additionalProperties": schema(value),
        }),
        Kind::Properties => json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean", "array"] },
        }),
        Kind::Either(first, second) => json!({ "anyOf": [schema(first), schema(second)] }),
    };
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
