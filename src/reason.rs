//! Which failure an error is: the domain and the reason of its `google.rpc.ErrorInfo`.

use crate::error::OpError;
use crate::pb::google::rpc::ErrorInfo;

impl OpError {
    /// Domain and reason of the last detail `google.rpc.ErrorInfo`: what identifies the failure, whatever its message says,
    /// as AIP-193 has it. `None` if there is none, or one without a reason.
    ///
    /// ```
    /// use operr::pb::google::rpc::ErrorInfo;
    /// use operr::NotFoundError;
    ///
    /// let info = ErrorInfo { domain: "shards.example.com".into(), reason: "SHARD_MOVED".into(), ..Default::default() };
    /// let error = NotFoundError::new("shard 7 is on host 3").with_detail(&info);
    /// assert_eq!(error.reason(), Some(("shards.example.com".into(), "SHARD_MOVED".into())));
    /// ```
    pub fn reason(&self) -> Option<(String, String)> {
        let info = self.detail::<ErrorInfo>().ok().flatten()?;
        Some((info.domain, info.reason)).filter(|(_, reason)| !reason.is_empty())
    }

    /// Whether both are the same failure: have the same [`reason`](OpError::reason), or neither has one and they are equal.
    ///
    /// ```
    /// # use operr::pb::google::rpc::ErrorInfo;
    /// # use operr::{NotFoundError, OpError};
    /// # let info = ErrorInfo { domain: "shards.example.com".into(), reason: "SHARD_MOVED".into(), ..Default::default() };
    /// let moved = |shard: u32| OpError::from(NotFoundError::new(format!("no shard {shard}")).with_detail(&info));
    /// assert!(moved(7).is_same(&moved(8)));
    /// assert_ne!(moved(7), moved(8));
    /// assert!(!moved(7).is_same(&NotFoundError::new("no shard 7")));
    /// ```
    pub fn is_same(&self, other: &OpError) -> bool {
        match (self.reason(), other.reason()) {
            (None, None) => self == other,
            (reason, other) => reason == other,
        }
    }
}
