//! JSON schemas of wire types, read from the code that deserializes them: what a type asks for is noted, and
//! answered with a value of no meaning. So nothing has to be said twice.

use std::slice::Iter;

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess,
        SeqAccess, Visitor,
    },
};
use serde_json::{Map, Value, json};

/// Schemas by the names of their types.
pub type Schemas = Map<String, Value>;

type Error = de::value::Error;

/// The fields of responses that are not always there.
const OPTIONAL: [&str; 7] = [
    "auth_time",
    "gen",
    "key",
    "otp_required",
    "provider",
    "secret",
    "trusted_until",
];

/// Returns the schema of a type, and adds those that it refers to.
pub fn schema<T: DeserializeOwned>(schemas: &mut Schemas) -> Value {
    let mut schema = json!({});
    // Flattened types, which ask for any fields, fail after they are noted as objects.
    drop(T::deserialize(Tracer {
        schema: &mut schema,
        schemas,
    }));
    schema
}

/// Returns the names of a struct's fields.
pub fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It fails once it has the names.
    drop(T::deserialize(Names(&mut names)));
    names
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("the names are noted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Notes what a type asks for.
struct Tracer<'a> {
    schema: &'a mut Value,
    schemas: &'a mut Schemas,
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.schema = json!({ "type": "boolean" });
        visitor.visit_bool(false)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.schema = json!({ "type": "integer" });
        visitor.visit_i64(0)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.schema = json!({ "type": "integer", "minimum": 0 });
        visitor.visit_u64(0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.schema = json!({ "type": "string" });
        visitor.visit_str("")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = visitor.visit_some(Tracer {
            schema: self.schema,
            schemas: self.schemas,
        });
        let some = self.schema.take();
        *self.schema = match some["type"].as_str() {
            Some(kind) => {
                let kinds = json!([kind, "null"]);
                with(some, "type", kinds)
            }
            None if some == json!({}) => some,
            None => json!({ "anyOf": [some, { "type": "null" }] }),
        };
        value
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut items = json!({});
        let value = visitor.visit_seq(OneItem(Some(Tracer {
            schema: &mut items,
            schemas: self.schemas,
        })));
        *self.schema = json!({ "type": "array", "items": items });
        value
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        *self.schema = json!({ "type": "object" });
        Err(Error::custom("the fields are unknown"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut properties = Map::new();
        let value = visitor.visit_map(Fields {
            names: fields.iter(),
            name: "",
            properties: &mut properties,
            schemas: self.schemas,
        });
        let is_required = |name: &&&str| {
            !OPTIONAL.contains(*name)
                || properties
                    .get(**name)
                    .is_some_and(|schema| schema["type"] == "string")
        };
        let required: Vec<_> = fields.iter().filter(is_required).collect();
        let object = json!({ "type": "object", "required": required, "properties": properties });
        self.schemas.insert(name.into(), object);
        *self.schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        value
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.schema = json!({ "type": "string", "enum": variants });
        let first = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(IntoDeserializer::<Error>::into_deserializer(first))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct identifier ignored_any
    }
}

/// A list of one item.
struct OneItem<'a>(Option<Tracer<'a>>);

impl<'de> SeqAccess<'de> for OneItem<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0
            .take()
            .map(|tracer| seed.deserialize(tracer))
            .transpose()
    }
}

/// All fields of a struct.
struct Fields<'a> {
    names: Iter<'static, &'static str>,
    name: &'static str,
    properties: &'a mut Map<String, Value>,
    schemas: &'a mut Schemas,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.names.next() else {
            return Ok(None);
        };
        self.name = name;
        seed.deserialize(IntoDeserializer::<Error>::into_deserializer(*name))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let mut schema = json!({});
        let value = seed.deserialize(Tracer {
            schema: &mut schema,
            schemas: self.schemas,
        });
        let schema = match self.name {
            "metadata" | "app_metadata" => json!({ "type": "object" }),
            name if is_time(name) => with(schema, "format", "date-time".into()),
            _ => schema,
        };
        self.properties.insert(self.name.into(), schema);
        value
    }
}

fn is_time(field: &str) -> bool {
    matches!(field, "at" | "date_joined" | "last_login") || field.ends_with("_at")
}

/// Returns a schema with one more keyword, or with another value for it.
fn with(mut schema: Value, keyword: &str, value: Value) -> Value {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert(keyword.into(), value);
    }
    schema
}
