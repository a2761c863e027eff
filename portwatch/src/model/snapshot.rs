use serde::{Deserialize, Serialize};

use super::{Namespace, NetnsId, TupleSample};

/// Every tuple in use, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The namespaces that were walked.
    pub namespaces: Vec<Namespace>,
    /// The namespaces that could not be walked, and why.
    pub unreachable: Vec<(NetnsId, String)>,
    /// The tuples, in no order, with their states.
    pub tuples: Vec<TupleSample>,
    /// Namespaces whose blocked ports were not counted, because there are too many namespaces.
    pub unasked: usize,
    /// Connections that were not counted because there are more tuples than room for them.
    pub uncounted: u64,
}
