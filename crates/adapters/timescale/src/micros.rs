//! TIMESTAMPTZ to `Timestamp` and back: both count microseconds, from different years.

use chrono::{DateTime, Utc};
use onetape_domain::time::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// 2000-01-01 in microseconds since 1970: where PostgreSQL begins to count.
const EPOCH: i64 = 946_684_800_000_000;
/// The first instant PostgreSQL can hold, as it counts: 4714-11-24 BC.
const FIRST: i64 = -211_813_488_000_000_000;

/// An instant in a query. [`Micros::FOREVER`] is after all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(pub(crate) Timestamp);

impl Micros {
    /// PostgreSQL's `infinity`.
    pub(crate) const FOREVER: Self = Self(Timestamp::from_micros(i64::MAX));
}

impl Micros {
    /// From PostgreSQL's count.
    pub(crate) const fn from_wire(micros: i64) -> Self {
        Self(Timestamp::from_micros(micros.saturating_add(EPOCH)))
    }

    /// As PostgreSQL counts.
    pub(crate) fn to_wire(self) -> i64 {
        match self.0.micros() {
            i64::MAX => i64::MAX,
            micros => micros.saturating_sub(EPOCH).max(FIRST),
        }
    }
}

impl From<Timestamp> for Micros {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl From<Micros> for Timestamp {
    fn from(micros: Micros) -> Self {
        micros.0
    }
}

impl Type<Postgres> for Micros {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Micros {
    fn array_type_info() -> PgTypeInfo {
        <DateTime<Utc> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Micros {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buf.extend_from_slice(&self.to_wire().to_be_bytes());
        Ok(IsNull::No)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}

impl<'r> Decode<'r, Postgres> for Micros {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let micros = match value.format() {
            PgValueFormat::Binary => i64::from_be_bytes(value.as_bytes()?.try_into()?),
            PgValueFormat::Text => {
                return Ok(Self(<DateTime<Utc> as Decode<Postgres>>::decode(value)?.into()));
            }
        };
        Ok(Self::from_wire(micros))
    }
}
