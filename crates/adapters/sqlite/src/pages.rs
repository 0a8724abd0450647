//! Streams: read page by page inside one transaction, so that memory is bounded and all pages show one state.
//!
//! A stream holds a connection until it ends or is dropped.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use onetape_ports::StoreError;
use onetape_ports::store::RowStream;
use sqlx::SqliteConnection;

use crate::connections::Pool;
use crate::session::{READ, Session};

/// Rows of a page.
pub(crate) const PAGE: usize = 1_000;

/// Where pages come from.
#[async_trait]
pub(crate) trait Pages: Send + 'static {
    type Row: Send + 'static;

    /// The next page; none after the last one.
    async fn next(&mut self, connection: &mut SqliteConnection)
    -> Result<Option<Vec<Self::Row>>, StoreError>;
}

struct Reader<P> {
    pool: Pool,
    operation: &'static str,
    pages: P,
    /// Open from the first page on.
    session: Option<Session>,
}

/// Streams the rows of all pages.
pub(crate) fn stream<'a, P: Pages>(pool: &Pool, operation: &'static str, pages: P) -> RowStream<'a, P::Row> {
    let reader = Reader { pool: pool.clone(), operation, pages, session: None };
    stream::try_unfold(reader, |mut reader| async move {
        let page = reader.next().await?;
        Ok::<_, StoreError>(page.map(|page| (stream::iter(page.into_iter().map(Ok)), reader)))
    })
    .try_flatten()
    .boxed()
}

impl<P: Pages> Reader<P> {
    async fn next(&mut self) -> Result<Option<Vec<P::Row>>, StoreError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::begin(&self.pool, READ, self.operation).await?,
        };
        match self.pages.next(session.connection()?).await {
            Ok(Some(page)) => {
                self.session = Some(session);
                Ok(Some(page))
            }
            outcome => session.finish(outcome).await,
        }
    }
}
