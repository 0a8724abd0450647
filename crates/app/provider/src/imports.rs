//! Candles of imports for an answer: read once for the live tail, and for each instant in the past.

use std::collections::HashMap;
use std::sync::Arc;

use onetape_domain::frame::{FrameShape, context_range};
use onetape_domain::imported::{Import, Imported};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{ImportedQuery, Knowledge, Selection};
use parking_lot::RwLock;

use crate::error::ProviderError;
use crate::provider::{Answer, UnifiedDataProvider};

/// Instruments kept in memory at most; beyond it all are forgotten, and read again.
const MAX_INSTRUMENTS: usize = 10_000;

/// The last candles of the imports of each instrument. Once the last import has ended they are the same for every
/// later instant.
#[derive(Clone, Default)]
pub(crate) struct ImportMemory(Arc<RwLock<HashMap<Instrument, Option<Tail>>>>);

#[derive(Clone)]
struct Tail {
    /// Candles of each import and timeframe, where there are as many.
    candles: usize,
    imported: Arc<Imported>,
}

impl ImportMemory {
    /// Whether the instrument had imports when it was last asked about.
    pub(crate) fn expects(&self, instrument: &Instrument) -> bool {
        self.0.read().contains_key(instrument)
    }

    fn find(&self, instrument: &Instrument, imports: &[Import], candles: usize) -> Option<Arc<Imported>> {
        let known = self.0.read();
        let tail = known.get(instrument)?.as_ref()?;
        (tail.candles >= candles && tail.imported.imports() == imports).then(|| tail.imported.clone())
    }

    fn keep(&self, instrument: &Instrument, tail: Option<Tail>) {
        let mut known = self.0.write();
        if known.len() >= MAX_INSTRUMENTS && !known.contains_key(instrument) {
            known.clear();
        }
        match known.get_mut(instrument) {
            Some(kept) => *kept = tail.or(kept.take()),
            None => drop(known.insert(instrument.clone(), tail)),
        }
    }
}

impl UnifiedDataProvider {
    /// The candles of the imports that the answer's parts name.
    pub(crate) async fn imported(
        &self,
        instrument: &Instrument,
        answer: &Answer,
        shape: FrameShape,
        knowledge: Knowledge,
    ) -> Result<Arc<Imported>, ProviderError> {
        let imports = &*answer.parts.imports;
        let closed_by = match knowledge {
            Knowledge::AsRecorded => answer.as_of,
            Knowledge::AsCorrected => answer.parts.watermark_second().unwrap_or(answer.as_of),
        };
        let ended = |import: &Import| import.covered.end();
        let is_tail = imports.iter().map(ended).max().is_none_or(|end| end <= closed_by);
        let kept = self.imports.find(instrument, imports, shape.candles).filter(|_| is_tail);
        let imported = match kept {
            Some(kept) => kept,
            None => {
                let query = ImportedQuery {
                    instrument: instrument.clone(),
                    imports: imports.to_vec(),
                    selections: [Some(Selection::Last(shape.candles)); 6],
                    closed_by,
                };
                let (rows, imports) = (self.store.imported(&query).await?, query.imports);
                let imported = Arc::new(Imported::new(imports, rows, Vec::new()));
                let tail = Tail { candles: shape.candles, imported: imported.clone() };
                self.imports.keep(instrument, is_tail.then_some(tail));
                imported
            }
        };
        self.with_context(instrument, answer.as_of, closed_by, shape, imported).await
    }

    /// Adds the seconds of the context window, where an import has any.
    async fn with_context(
        &self,
        instrument: &Instrument,
        as_of: Timestamp,
        closed_by: Timestamp,
        shape: FrameShape,
        imported: Arc<Imported>,
    ) -> Result<Arc<Imported>, ProviderError> {
        let range = context_range(as_of, shape.context_window);
        let reaches =
            |import: &&Import| import.timeframe == Timeframe::S1 && import.covered.end() > range.start();
        if shape.context_window <= 0 || !imported.imports().iter().any(|import| reaches(&import)) {
            return Ok(imported);
        }
        let mut selections = [None; 6];
        selections[Timeframe::S1.index()] = Some(Selection::Range(range));
        let imports = imported.imports().to_vec();
        let query = ImportedQuery { instrument: instrument.clone(), imports, selections, closed_by };
        let [context, ..] = self.store.imported(&query).await?;
        Ok(Arc::new(imported.with_context(context)))
    }
}
