//! SQL that diesel's language cannot say, typed and kept as a prepared statement (`sql_query` never is).

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, HasSqlType, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz,
};
use std::marker::PhantomData;

/// A statement whose rows have the SQL type `ST`; each `?` stands for the next bound value.
pub struct Statement<ST> {
    text: &'static str,
    values: Vec<Box<dyn Bound + Send>>,
    rows: PhantomData<fn() -> ST>,
}

/// Begins a statement.
pub fn sql<ST>(text: &'static str) -> Statement<ST> {
    Statement { text, values: Vec::new(), rows: PhantomData }
}

impl<ST> Statement<ST> {
    /// Binds the next value.
    pub fn bind<V: Value>(mut self, value: V) -> Self
    where
        Pg: HasSqlType<V::Sql>,
    {
        self.values.push(Box::new(Typed(value)));
        self
    }
}

/// A Rust type that stands for one SQL type.
pub trait Value: ToSql<Self::Sql, Pg> + std::fmt::Debug + Send + 'static {
    type Sql;
}

macro_rules! values {
    ($($rust:ty => $sql:ty),+ $(,)?) => {
        $(impl Value for $rust { type Sql = $sql; }
          impl Value for Option<$rust> { type Sql = Nullable<$sql>; })+
    };
}

values! {
    uuid::Uuid => diesel::sql_types::Uuid,
    String => Text,
    &'static str => Text,
    bool => Bool,
    i16 => SmallInt,
    i32 => Integer,
    i64 => BigInt,
    chrono::DateTime<chrono::Utc> => Timestamptz,
    Vec<u8> => Binary,
    Vec<String> => Array<Text>,
    Vec<Vec<u8>> => Array<Binary>,
    Vec<i64> => Array<BigInt>,
    Vec<uuid::Uuid> => Array<diesel::sql_types::Uuid>,
    Vec<Option<uuid::Uuid>> => Array<Nullable<diesel::sql_types::Uuid>>,
    serde_json::Value => Jsonb,
}

struct Typed<V>(V);

trait Bound {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl<V: Value> Bound for Typed<V>
where
    Pg: HasSqlType<V::Sql>,
{
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<V::Sql, V>(&self.0)
    }
}

impl<ST> QueryFragment<Pg> for Statement<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for (index, part) in self.text.split('?').enumerate() {
            if let (Some(value), true) = (if index > 0 { values.next() } else { None }, index > 0) {
                value.push(&mut out)?;
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

/// No static id: the cache goes by the text.
impl<ST> QueryId for Statement<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Statement<ST> {
    type SqlType = ST;
}
