//! [`Queue`]: a bounded FIFO queue with TensorFlow's rules; knows neither gRPC nor graphs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use operr::OpError;
use operr::pb::tensorflow::TensorProto;
use tokio::sync::oneshot;

use crate::pb::QueueState;

/// What a queue is a queue of: a tuple of tensors.
pub type Element = Vec<TensorProto>;

/// A bounded first-in, first-out queue, as TensorFlow's `FIFOQueue`.
///
/// Calls that cannot be served wait, in two lines that are served in order: enqueues and closes in one, dequeues in the
/// other. A call whose future is dropped leaves its line, and those behind it move up.
#[derive(Debug)]
pub struct Queue {
    name: String,
    capacity: i32,
    component_types: Vec<i32>,
    state: Mutex<State>,
}

/// Why a queue refused, and what it was like at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Why it refused.
    pub reason: Reason,
    /// The queue at that moment.
    pub state: QueueState,
}

/// Why a queue refuses.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// An enqueue came to a closed queue, or was behind the close in the line.
    Closed,
    /// So was a second close.
    AlreadyClosed,
    /// The enqueue or close was waiting when the queue was closed with cancellation: the cause.
    Cancelled(OpError),
    /// The queue is closed, and there is nothing left for the dequeue.
    Exhausted,
}

impl Queue {
    /// What a queue without bound has as its capacity, as in TensorFlow.
    pub const UNBOUNDED: i32 = i32::MAX;

    /// Makes an empty queue. A negative capacity is none; at capacity 0 every enqueue waits for the close.
    pub fn new(name: impl Into<String>, capacity: i32, component_types: Vec<i32>) -> Queue {
        let capacity = if capacity < 0 { Queue::UNBOUNDED } else { capacity };
        Queue { name: name.into(), capacity, component_types, state: Mutex::default() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many elements it holds at most.
    pub fn capacity(&self) -> i32 {
        self.capacity
    }

    /// The numbers of the `tensorflow.DataType`s of an element's components.
    pub fn component_types(&self) -> &[i32] {
        &self.component_types
    }

    /// The queue at this moment.
    pub fn state(&self) -> QueueState {
        self.describe(&self.lock())
    }

    /// Adds an element at the back; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// [`Reason::Closed`] and [`Reason::Cancelled`].
    pub async fn enqueue(&self, element: Element) -> Result<(), Failure> {
        self.wait(Inbound::Element(element), |state| &mut state.inbound, |_, ()| ()).await
    }

    /// Takes the element at the front; waits while the queue is empty.
    ///
    /// # Errors
    ///
    /// [`Reason::Exhausted`].
    pub async fn dequeue(&self) -> Result<Element, Failure> {
        // Whoever goes away between being served and taking notice gives the element back.
        self.wait((), |state| &mut state.dequeues, |state, element| state.elements.push_front(element)).await
    }

    /// Closes the queue when the enqueues that came before are served; waits for that.
    ///
    /// # Errors
    ///
    /// [`Reason::AlreadyClosed`] and [`Reason::Cancelled`].
    pub async fn close(&self) -> Result<(), Failure> {
        self.wait(Inbound::Close, |state| &mut state.inbound, |_, ()| ()).await
    }

    /// Closes the queue at once. All waiting enqueues and closes fail, with this cause.
    pub fn close_and_cancel(&self, cause: OpError) {
        let mut state = self.lock();
        state.is_closed = true;
        let failure = self.failure(Reason::Cancelled(cause), &state);
        for waiting in state.inbound.drain(..) {
            deliver(waiting.sender, Err(failure.clone()));
        }
        self.serve(&mut state);
    }

    /// Stands in line until served.
    async fn wait<W, T>(
        &self,
        what: W,
        line: fn(&mut State) -> &mut Line<W, T>,
        undo: fn(&mut State, T),
    ) -> Result<T, Failure> {
        let (sender, receiver) = oneshot::channel();
        let mut place = {
            let mut state = self.lock();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            line(&mut state).push_back(Waiting { ticket, what, sender });
            self.serve(&mut state);
            Place { queue: self, ticket, receiver, line, undo }
        };
        match (&mut place.receiver).await {
            Ok(answer) => answer,
            // The line answers everybody who stands in it; were it gone, the queue would be closed.
            Err(_) => Err(self.failure(Reason::Closed, &self.lock())),
        }
    }

    /// Serves both lines as far as possible.
    fn serve(&self, state: &mut State) {
        while self.serve_inbound(state) || self.serve_dequeue(state) {}
    }

    /// Serves the first enqueue or close, if its time has come.
    fn serve_inbound(&self, state: &mut State) -> bool {
        let Some(Waiting { ticket, what, sender }) = state.inbound.pop_front() else { return false };
        let answer = match what {
            Inbound::Element(_) if state.is_closed => Err(self.failure(Reason::Closed, state)),
            Inbound::Close if state.is_closed => Err(self.failure(Reason::AlreadyClosed, state)),
            Inbound::Element(element) if self.has_room(state) => {
                state.elements.push_back(element);
                Ok(())
            }
            Inbound::Close => {
                state.is_closed = true;
                Ok(())
            }
            Inbound::Element(_) => {
                state.inbound.push_front(Waiting { ticket, what, sender });
                return false;
            }
        };
        deliver(sender, answer);
        true
    }

    /// Serves the first dequeue, if its time has come.
    fn serve_dequeue(&self, state: &mut State) -> bool {
        let Some(first) = state.dequeues.pop_front() else { return false };
        let answer = match state.elements.pop_front() {
            Some(element) => Ok(element),
            None if state.is_closed => Err(self.failure(Reason::Exhausted, state)),
            None => {
                state.dequeues.push_front(first);
                return false;
            }
        };
        deliver(first.sender, answer);
        true
    }

    fn has_room(&self, state: &State) -> bool {
        count(state.elements.len()) < self.capacity
    }

    fn failure(&self, reason: Reason, state: &State) -> Failure {
        Failure { reason, state: self.describe(state) }
    }

    fn describe(&self, state: &State) -> QueueState {
        QueueState {
            name: self.name.clone(),
            capacity: self.capacity,
            size: count(state.elements.len()),
            closed: state.is_closed,
            pending_enqueues: count(state.inbound.len()),
            pending_dequeues: count(state.dequeues.len()),
        }
    }

    /// The state; after a panic elsewhere it is as good as before, since no step leaves it half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    elements: VecDeque<Element>,
    inbound: Line<Inbound, ()>,
    dequeues: Line<(), Element>,
    next_ticket: u64,
}

/// Who waits, in the order of their tickets.
type Line<W, T> = VecDeque<Waiting<W, T>>;

#[derive(Debug)]
struct Waiting<W, T> {
    ticket: u64,
    what: W,
    sender: oneshot::Sender<Result<T, Failure>>,
}

/// What an enqueue or a close waits with.
#[derive(Debug)]
enum Inbound {
    Element(Element),
    Close,
}

/// The place of a call in its line. Dropped, it is given up.
struct Place<'a, W, T> {
    queue: &'a Queue,
    ticket: u64,
    receiver: oneshot::Receiver<Result<T, Failure>>,
    line: fn(&mut State) -> &mut Line<W, T>,
    undo: fn(&mut State, T),
}

impl<W, T> Drop for Place<'_, W, T> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let line = (self.line)(&mut state);
        if let Ok(index) = line.binary_search_by_key(&self.ticket, |waiting| waiting.ticket) {
            line.remove(index);
        } else if let Ok(Ok(unread)) = self.receiver.try_recv() {
            (self.undo)(&mut state, unread);
        } else {
            return;
        }
        self.queue.serve(&mut state);
    }
}

/// Answers a waiting call. It is still there: a [`Place`] leaves the line, under the lock, before its receiver goes.
fn deliver<T>(sender: oneshot::Sender<Result<T, Failure>>, answer: Result<T, Failure>) {
    let _ = sender.send(answer);
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
