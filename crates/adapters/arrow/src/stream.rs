//! Streams of rows to streams of bounded batches.

use std::pin::Pin;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use onetape_domain::instrument::Instrument;

use crate::encoder::Encoder;
use crate::error::BatchError;

/// Most rows a batch may have.
pub(crate) const MAX_ROWS: usize = 1 << 20;

/// Batches of one schema, which is known before the first of them, and where there is none.
pub struct BatchStream<'a, E: std::error::Error + 'static> {
    schema: SchemaRef,
    inner: BoxStream<'a, Result<RecordBatch, BatchError<E>>>,
}

impl<E: std::error::Error + 'static> BatchStream<'_, E> {
    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl<E: std::error::Error + 'static> Stream for BatchStream<'_, E> {
    type Item = Result<RecordBatch, BatchError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(cx)
    }
}

impl<E: std::error::Error + 'static> std::fmt::Debug for BatchStream<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Batches of at most so many rows (1 to a million) of one instrument. No more rows than that are held. The first
/// error ends the stream, without the rows since the last batch.
pub fn batches<'a, R, E>(
    encoder: &Encoder<R>,
    instrument: Instrument,
    rows: impl Stream<Item = Result<R, E>> + Send + 'a,
    batch_rows: usize,
) -> BatchStream<'a, E>
where
    R: Send + Sync + 'static,
    E: std::error::Error + Send + 'static,
{
    let (encoder, schema) = (encoder.clone(), encoder.schema().clone());
    let chunks = rows.try_chunks(batch_rows.clamp(1, MAX_ROWS)).map_err(|error| BatchError::Rows(error.1));
    let parts = (Box::pin(chunks), encoder, instrument, 0_u64);
    let inner = stream::try_unfold(parts, |(mut chunks, encoder, instrument, before)| async move {
        let Some(rows) = chunks.try_next().await? else { return Ok(None) };
        let batch = encoder.encode(&instrument, before, &rows).map_err(BatchError::Unfit)?;
        Ok(Some((batch, (chunks, encoder, instrument, before + rows.len() as u64))))
    });
    BatchStream { schema, inner: inner.boxed() }
}
