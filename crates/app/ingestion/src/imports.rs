//! Taking finished imports into a tape: under a stamp of their own, so that what was answered before stays as it was.

use std::collections::BTreeMap;

use onetape_domain::imported::{Import, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::venue::VenueRules;

use crate::error::IngestError;
use crate::pipeline::{DataIngestionPipeline, Inner};
use crate::slot::Slot;

impl DataIngestionPipeline {
    /// Takes the imports in that wait for the writer of this instrument's tape, and makes that durable. From then on
    /// they are part of its answers; until then a process that reads live does not see them. Returns how many.
    ///
    /// Only the one process that writes the instrument may do this. A running pipeline does it by itself when an
    /// instrument is loaded and every [`import_interval`](crate::PipelineConfig::import_interval). Of an instrument that never had a
    /// message none wait: its imports stand before the tape.
    ///
    /// # Errors
    /// When the instrument cannot be loaded or written, or the pipeline has failed or was shut down.
    pub async fn take_in_imports(
        &self,
        instrument: &Instrument,
        rules: VenueRules,
    ) -> Result<usize, IngestError> {
        self.inner.hold_back().await?;
        // Whether an import stands before the tape is not decided until its first batch is written.
        self.flush().await?;
        let waiting = self.inner.waiting_of(instrument).await?.len();
        if waiting > 0 {
            // Loading takes them in, unless that was done before.
            let loaded = self.inner.slot(instrument);
            let slot = match loaded {
                Some(slot) => slot,
                None => self.inner.load(instrument, rules, false).await?,
            };
            let rest = self.inner.waiting_of(instrument).await?;
            self.inner.take_in(&mut slot.lock(), rest)?;
            self.flush().await?;
        }
        Ok(waiting)
    }
}

impl Inner {
    /// Imports of an instrument that wait for its writer.
    pub(crate) async fn waiting_of(&self, instrument: &Instrument) -> Result<Vec<Import>, IngestError> {
        let imports = self.ask(instrument, || self.store.imports(instrument)).await?;
        Ok(imports.into_iter().filter(|import| import.place == Place::Waiting).collect())
    }

    /// Takes imports in, in the cache at once and in the store with the next batch.
    pub(crate) fn take_in(&self, slot: &mut Slot, imports: Vec<Import>) -> Result<(), IngestError> {
        if imports.is_empty() {
            return Ok(());
        }
        let ids = imports.len();
        let taken = slot.take_in(imports, self.sinks(), |rows| self.summary.lock().count_rows(rows));
        if taken.map_err(|error| self.journal_failed(error))? {
            let instrument = slot.engine.instrument();
            tracing::info!(instrument.symbol = %instrument, imports = ids, "imports taken in");
        }
        Ok(())
    }

    /// Takes in what waits for instruments that this pipeline has loaded. What cannot be asked now is asked again.
    pub(crate) async fn take_in_waiting(&self) -> Result<(), IngestError> {
        let waiting = match self.store.waiting_imports().await {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(error = %error, "cannot ask for imports that wait, will try again");
                return Ok(());
            }
        };
        let mut of_instrument: BTreeMap<Instrument, Vec<Import>> = BTreeMap::new();
        for import in waiting {
            of_instrument.entry(import.instrument.clone()).or_default().push(import);
        }
        for (instrument, imports) in of_instrument {
            if let Some(slot) = self.slot(&instrument) {
                self.take_in(&mut slot.lock(), imports)?;
            }
        }
        self.settle_all().await
    }
}
