//! Rows that are read by position, in hand-written SQL as well as in diesel's.

/// Defines a row of a table: the struct, how diesel reads it, and its columns for hand-written SQL.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* pub struct $name:ident from $table:ident { $($(#[$doc:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize, diesel::Queryable, diesel::Selectable)]
        #[diesel(table_name = $crate::db::schema::$table, check_for_backend(diesel::pg::Pg))]
        pub struct $name { $($(#[$doc])* pub $field: $type,)+ }

        impl $name {
            /// The row's columns, each under the table's alias.
            pub fn columns(alias: &str) -> String {
                [$(stringify!($field),)+].map(|column| format!("{alias}.{}", column.trim_end_matches('_'))).join(", ")
            }
        }
    };
}

/// Lets a type be a `jsonb` column, as serde writes it.
#[macro_export]
macro_rules! json_column {
    ($name:ident) => {
        impl diesel::serialize::ToSql<diesel::sql_types::Jsonb, diesel::pg::Pg> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
            ) -> diesel::serialize::Result {
                let json = serde_json::to_value(self)?;
                <serde_json::Value as diesel::serialize::ToSql<diesel::sql_types::Jsonb, diesel::pg::Pg>>::to_sql(
                    &json,
                    &mut out.reborrow(),
                )
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Jsonb, diesel::pg::Pg> for $name {
            fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
                let json = <serde_json::Value as diesel::deserialize::FromSql<
                    diesel::sql_types::Jsonb,
                    diesel::pg::Pg,
                >>::from_sql(value)?;
                Ok(serde_json::from_value(json)?)
            }
        }
    };
}

/// The SQL type of a row that is read whole.
pub type SqlOf<Row> = diesel::dsl::SqlTypeOf<<Row as diesel::Selectable<diesel::pg::Pg>>::SelectExpression>;
