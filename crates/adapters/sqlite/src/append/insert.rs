//! Many rows by one statement: the file has one row of parameters, which is repeated.

use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use super::run;
use crate::arguments::Arguments;

/// Numbers of rows that a statement is made for, largest first: each is prepared once. SQLite takes 32,766 parameters.
const SIZES: [usize; 4] = [128, 16, 4, 1];

/// What stands for the rows in a file.
const ROWS: &str = "(…)";

/// A statement that inserts rows of so many columns.
#[derive(Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) sql: &'a str,
    pub(crate) columns: usize,
}

impl Insert<'_> {
    /// Writes the rows, in order; `bind` adds the columns of one.
    pub(crate) async fn rows<T: Sync>(
        &self,
        connection: &mut SqliteConnection,
        mut rows: &[T],
        bind: impl Fn(&mut Arguments, &T) + Send + Sync,
    ) -> Result<(), StoreError> {
        for size in SIZES {
            if rows.len() < size {
                continue;
            }
            let sql = self.sql.replace(ROWS, &placeholders(size, self.columns));
            while let Some((part, rest)) = rows.split_at_checked(size) {
                let mut arguments = Arguments::new();
                part.iter().for_each(|row| bind(&mut arguments, row));
                run(&mut *connection, &sql, arguments).await?;
                rows = rest;
            }
        }
        Ok(())
    }
}

fn placeholders(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_as_many_parameters_as_columns() {
        assert_eq!(placeholders(2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(placeholders(1, 1), "(?)");
    }
}
