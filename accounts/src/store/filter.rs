//! A query whose conditions depend on what was asked for.

use sqlx::AssertSqlSafe;

use crate::store::statement::{Statement, Value};

/// The conditions of a query, with their values.
#[derive(Default)]
pub(crate) struct Filter<'a> {
    conditions: Vec<String>,
    values: Vec<Value<'a>>,
}

impl<'a> Filter<'a> {
    /// Adds a condition, in which each `?` stands for one of the values, in order.
    pub fn add<const N: usize>(&mut self, condition: &'static str, values: [Value<'a>; N]) {
        let mut parts = condition.split('?');
        let mut sql = parts.next().unwrap_or_default().to_owned();
        for (part, value) in parts.zip(values) {
            self.values.push(value);
            sql.push_str(&format!("${}", self.values.len()));
            sql.push_str(part);
        }
        self.conditions.push(sql);
    }

    /// Returns the query: this text, the conditions, and the text that follows them, at whose end comes the
    /// maximum number of rows. The database plans it again each time, because the values matter for the
    /// plan.
    pub fn query(self, head: &'static str, order: &'static str, limit: u32) -> Statement<'a> {
        let mut sql = format!("{head} WHERE TRUE");
        for condition in &self.conditions {
            sql.push_str(" AND ");
            sql.push_str(condition);
        }
        sql.push_str(&format!(" {order} LIMIT ${}", self.values.len() + 1));
        // It consists of texts from this program only.
        let statement = Statement::new(AssertSqlSafe(sql)).planned_each_time();
        let values = self.values.into_iter();
        values.fold(statement, Statement::bind).bind(limit)
    }
}
