//! What the machine counts, for metrics and `info`.

/// Counters since the start, then gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Bytes in them.
    pub datagram_bytes_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Bytes in them.
    pub datagram_bytes_received: u64,
    /// Datagrams the driver dropped because its queue was full.
    pub datagrams_dropped: u64,
    /// Events and questions the agent had no room for.
    pub unheard: u64,
    /// Words to questions of ours that the asker had no room for.
    pub words_lost: u64,
    /// Streams given up because the peer did not read what was sent.
    pub streams_overrun: u64,
    /// Frames sent on streams.
    pub frames_sent: u64,
    /// Bytes in them.
    pub frame_bytes_sent: u64,
    /// Datagrams and frames that could not be decoded; dropped.
    pub malformed: u64,
    /// Claims that broke a rule (another datacenter, versions, conflicts, absurd numbers); ignored.
    pub refused: u64,
    /// Probes begun.
    pub probes: u64,
    /// Probes that ended in a suspicion.
    pub probes_failed: u64,
    /// Probes that only TCP answered: the way for UDP is broken.
    pub probes_only_tcp: u64,
    /// Indirect probes made for others.
    pub relayed: u64,
    /// Indirect probes not made because too many were under way.
    pub relays_refused: u64,
    /// Suspicions begun, whoever accused.
    pub suspicions: u64,
    /// Members found dead by our own suspicion running out.
    pub declared_failed: u64,
    /// Times we spoke up for ourselves.
    pub refutations: u64,
    /// Syncs begun.
    pub syncs: u64,
    /// Syncs that found no difference.
    pub syncs_same: u64,
    /// Syncs that ended early.
    pub syncs_failed: u64,
    /// Members sent in syncs.
    pub rows_sent: u64,
    /// Streams turned away because too many were open.
    pub streams_refused: u64,
    /// Broadcasts dropped because too many were queued.
    pub broadcasts_dropped: u64,
    /// User events taken, our own too.
    pub events: u64,
    /// Events told before one they come after, which had not come in time, or because too many waited.
    pub events_early: u64,
    /// Syncs begun to get an event that others come after.
    pub events_sought: u64,
    /// Questions taken, our own too.
    pub questions: u64,
    /// Events and questions that are not told any more because too many were queued.
    pub shouts_dropped: u64,
    /// Times we noticed that this process had stood still.
    pub stalls: u64,
    /// Lifeguard's local health score: 0 is healthy.
    pub health_score: u32,
    /// Members alive or leaving, ourselves included.
    pub alive: usize,
    /// Members failed and not yet forgotten.
    pub failed: usize,
    /// Members left and not yet forgotten.
    pub left: usize,
    /// Broadcasts queued.
    pub broadcast_queue: usize,
    /// Events and questions queued.
    pub shout_queue: usize,
    /// Logical time of events.
    pub event_time: u64,
    /// Logical time of questions.
    pub question_time: u64,
    /// How often our coordinate had to begin anew.
    pub coordinate_resets: u64,
}
