//! PostgreSQL's binary format of `COPY`. When such a statement fails, the server's log does not quote the
//! row, as it would with the text format.

use super::value::{Row, Value};

/// What comes before all rows: the signature, no flags, and no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What comes after all rows.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// The length of a null.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// 2000-01-01, with which PostgreSQL's time begins, in milliseconds since 1970.
const EPOCH: i64 = 946_684_800_000;

/// Encodes rows.
pub(super) fn encode(rows: &[Row]) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    for row in rows {
        // PostgreSQL has no table with more columns than this type can count.
        let columns = i16::try_from(row.len()).unwrap_or(i16::MAX);
        out.extend(columns.to_be_bytes());
        row.iter().for_each(|value| append(value, &mut out));
    }
    out.extend(TRAILER);
    out
}

fn append(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend(NULL),
        Value::Bool(value) => append_bytes(&[u8::from(*value)], out),
        Value::Short(number) => append_bytes(&number.to_be_bytes(), out),
        Value::Integer(number) => append_bytes(&number.to_be_bytes(), out),
        Value::Text(text) => append_bytes(text.as_bytes(), out),
        Value::Bytes(bytes) => append_bytes(bytes, out),
        Value::Id(id) => append_bytes(id.as_bytes(), out),
        Value::Time(time) => {
            let microseconds = (time.unix_milliseconds() - EPOCH) * 1000;
            append_bytes(&microseconds.to_be_bytes(), out);
        }
    }
}

fn append_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // Neither database has values of 2 GiB.
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}
