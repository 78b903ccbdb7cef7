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

/// The SQL type of a row that is read whole.
pub type SqlOf<Row> = diesel::dsl::SqlTypeOf<<Row as diesel::Selectable<diesel::pg::Pg>>::SelectExpression>;
