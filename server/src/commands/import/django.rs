//! Users as Django's `dumpdata` writes them: an array of objects, or one object per line.

use std::{collections::HashMap, io::BufRead};

use accounts::ImportedFields;
use serde_json::{Map, Value, json};

use super::record::{MAX_LENGTH, Record, Records, read_object, too_long};

/// How many groups are remembered.
const GROUPS: usize = 10_000;

/// A reader of objects.
pub struct Objects<R> {
    input: R,
    place: Place,
    /// The names of the groups so far, by their numbers.
    groups: HashMap<i64, String>,
    has_users: bool,
}

/// An object while it is read.
#[derive(Default)]
struct Object {
    /// The number of the line where it begins.
    line: u64,
    text: Vec<u8>,
    is_too_long: bool,
    /// How many objects and arrays have not ended.
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

impl Object {
    /// Adds a byte. Returns whether it is the last one.
    fn add(&mut self, byte: u8) -> bool {
        if self.text.len() < MAX_LENGTH {
            self.text.push(byte);
        } else {
            self.is_too_long = true;
        }
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.is_in_string => self.is_escaped = true,
            b'"' => self.is_in_string = !self.is_in_string,
            _ if self.is_in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }
}

/// Where the reader is between objects.
struct Place {
    line: u64,
    /// Whether the array has begun, and not ended.
    is_in_array: bool,
}

impl Place {
    /// Takes a byte between objects. Returns the object that begins with it.
    fn pass(&mut self, byte: u8) -> Result<Option<Object>, String> {
        match byte {
            b'{' => {
                let mut object = Object {
                    line: self.line,
                    ..Object::default()
                };
                object.add(byte);
                return Ok(Some(object));
            }
            b'[' if !self.is_in_array => self.is_in_array = true,
            b']' if self.is_in_array => self.is_in_array = false,
            b',' if self.is_in_array => {}
            byte if byte.is_ascii_whitespace() => {}
            // A byte order mark.
            0xef | 0xbb | 0xbf if self.line == 1 && !self.is_in_array => {}
            _ => {
                return Err(format!(
                    "line {} has something else between the objects; nothing after it was read",
                    self.line
                ));
            }
        }
        Ok(None)
    }

    /// What the end of the file means, after an object has begun or between objects.
    fn end(&self, object: Option<&Object>) -> Result<(), String> {
        match object {
            Some(Object { line, .. }) => Err(format!(
                "it ends in the middle of the object that begins in line {line}"
            )),
            None if self.is_in_array => Err(format!(
                "it ends in line {}, before the end of the array",
                self.line
            )),
            None => Ok(()),
        }
    }
}

impl<R: BufRead> Objects<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            place: Place {
                line: 1,
                is_in_array: false,
            },
            groups: HashMap::new(),
            has_users: false,
        }
    }

    /// Reads the next object. Returns `None` at the end.
    fn read(&mut self) -> Result<Option<Object>, String> {
        let place = &mut self.place;
        let mut object: Option<Object> = None;
        loop {
            let part = self.input.fill_buf();
            let part =
                part.map_err(|error| format!("line {} can't be read: {error}", place.line))?;
            if part.is_empty() {
                return place.end(object.as_ref()).map(|()| None);
            }
            let mut read = 0;
            let mut is_complete = false;
            for &byte in part {
                read += 1;
                match &mut object {
                    Some(object) => is_complete = object.add(byte),
                    None => object = place.pass(byte)?,
                }
                place.line += u64::from(byte == b'\n');
                if is_complete {
                    break;
                }
            }
            self.input.consume(read);
            if is_complete {
                return Ok(object);
            }
        }
    }

    /// Returns the user that an object describes, and `None` if it is something else.
    fn user(&mut self, object: &Object) -> Option<Record> {
        let failed = |reason| Some(Record::new(object.line, Err(reason)));
        if object.is_too_long {
            return failed(too_long());
        }
        let mut entry = match read_object(&object.text) {
            Ok(entry) => entry,
            Err(reason) => return failed(reason),
        };
        let Some(Value::Object(fields)) = entry.remove("fields") else {
            return None;
        };
        if entry.get("model").and_then(Value::as_str) == Some("auth.group") {
            self.remember_group(&entry, &fields);
            return None;
        }
        // A model of users has both, whatever its name is.
        if !(fields.contains_key("email") && fields.contains_key("password")) {
            return None;
        }
        self.has_users = true;
        let email = text(&fields, "email").unwrap_or_default().to_owned();
        let user = self.roles(&fields).map(|roles| {
            let mut user = ImportedFields::default();
            user.set("roles", roles);
            user.set("name", name(&fields));
            set_origin(&mut user, entry.remove("pk"), &fields);
            copy_fields(&mut user, fields);
            user
        });
        Some(Record {
            line: object.line,
            email,
            user,
        })
    }

    fn remember_group(&mut self, entry: &Map<String, Value>, fields: &Map<String, Value>) {
        let number = entry.get("pk").and_then(Value::as_i64);
        let name = fields.get("name").and_then(Value::as_str);
        if let (Some(number), Some(name), true) = (number, name, self.groups.len() < GROUPS) {
            self.groups.insert(number, name.to_owned());
        }
    }

    /// The user's groups as roles. They are given by name (`--natural-foreign`), or by number.
    fn roles(&self, fields: &Map<String, Value>) -> Result<Value, String> {
        let Some(Value::Array(groups)) = fields.get("groups") else {
            return Ok(Value::Null);
        };
        let names = groups.iter().map(|group| {
            let number = group.as_i64();
            let name = group.as_str().or_else(|| group.get(0)?.as_str());
            name.or_else(|| number.and_then(|number| self.groups.get(&number).map(|name| &**name)))
                .map(role)
                .ok_or_else(|| {
                    "groups: One is given by its number. Dump auth.group before the users, or use \
                     --natural-foreign."
                        .to_owned()
                })
        });
        names.collect::<Result<Vec<_>, _>>().map(Value::from)
    }
}

/// Copies the fields that mean the same.
fn copy_fields(user: &mut ImportedFields, mut fields: Map<String, Value>) {
    for (name, field) in [
        ("email", "email"),
        ("password_hash", "password"),
        ("is_active", "is_active"),
        ("is_admin", "is_superuser"),
    ] {
        user.set(name, fields.remove(field).unwrap_or_default());
    }
    for name in ["date_joined", "last_login"] {
        user.set(name, time(fields.remove(name).unwrap_or_default()));
    }
    let verified = ["email_verified", "is_verified"];
    let verified = verified.iter().find_map(|name| fields.remove(*name));
    user.set("email_verified", verified.unwrap_or_default());
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// The role that stands for a group: "Content Editors" becomes content-editors.
fn role(group: &str) -> String {
    group.trim().to_lowercase().replace(' ', "-")
}

/// The user's name, from one field of a custom model or from Django's two.
fn name(fields: &Map<String, Value>) -> Value {
    let text = |field| text(fields, field).unwrap_or_default().trim();
    let one = ["name", "full_name"].map(text);
    let one = one.into_iter().find(|name| !name.is_empty());
    let two = ["first_name", "last_name"].map(text);
    let name = one.map_or_else(|| two.join(" "), str::to_owned);
    Value::from(name.trim())
}

/// Keeps what other tables of the Django project refer to: a UUID is the user's id here, too; another primary
/// key and the user name are noted in `app_metadata`.
fn set_origin(user: &mut ImportedFields, pk: Option<Value>, fields: &Map<String, Value>) {
    let mut noted = Map::new();
    match pk {
        Some(Value::String(id)) if id.parse::<accounts::Id>().is_ok() => {
            user.set("id", Value::from(id));
        }
        Some(pk) if !pk.is_null() => {
            noted.insert("django_id".to_owned(), pk);
        }
        _ => {}
    }
    let email = text(fields, "email");
    if let Some(name) = text(fields, "username").filter(|name| email != Some(name)) {
        noted.insert("username".to_owned(), json!(name));
    }
    if !noted.is_empty() {
        user.set("app_metadata", Value::Object(noted));
    }
}

/// A time of a project without time zones counts as UTC.
fn time(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_ascii() && text.len() >= 19 => {
            let has_zone = text[10..].contains(['Z', '+', '-']);
            Value::from(if has_zone { text } else { text + "Z" })
        }
        other => other,
    }
}

impl<R: BufRead> Records for Objects<R> {
    fn next(&mut self) -> Result<Option<Record>, String> {
        while let Some(object) = self.read()? {
            if let Some(record) = self.user(&object) {
                return Ok(Some(record));
            }
        }
        if self.has_users {
            return Ok(None);
        }
        Err(
            "there is no user in it: no object whose fields are email and password, among others"
                .to_owned(),
        )
    }

    /// Projects have many fields that mean nothing here.
    fn ignored(&self) -> Vec<String> {
        Vec::new()
    }
}
