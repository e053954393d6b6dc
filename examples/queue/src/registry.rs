//! [`Registry`]: all queues of a server, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use operr::{Code, OpError};

use crate::node::{Node, type_names};
use crate::pb::CreateRequest;
use crate::queue::Queue;

/// All queues of a server, by name: `_0_q` for the first one that is not shared and was made by a node `q`.
#[derive(Debug, Default)]
pub struct Registry(Mutex<Queues>);

#[derive(Debug, Default)]
struct Queues {
    by_name: HashMap<String, Arc<Queue>>,
    unnamed: u64,
}

impl Registry {
    /// Makes a queue, or finds the one that is shared under the name.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a queue that there cannot be, and for a shared one that is not as requested.
    pub fn create(&self, request: &CreateRequest) -> Result<Arc<Queue>, OpError> {
        let CreateRequest { node, capacity, component_types, shared_name, .. } = request;
        let invalid = |message: String| Node::create(request).error(Code::INVALID_ARGUMENT, message);
        if component_types.is_empty() {
            return Err(invalid("Length for attr 'component_types' of 0 must be at least minimum 1".to_owned()));
        }
        // The names of the others start with it.
        if shared_name.starts_with('_') {
            return Err(invalid(format!("shared_name cannot start with '_':{shared_name}")));
        }
        let mut queues = self.lock();
        let name = if shared_name.is_empty() { format!("_{}_{node}", queues.unnamed) } else { shared_name.clone() };
        let queue = Arc::new(Queue::new(&name, *capacity, component_types.clone()));
        if shared_name.is_empty() {
            queues.unnamed += 1;
        } else if let Some(shared) = queues.by_name.get(&name) {
            check_shared(shared, &queue).map_err(invalid)?;
            return Ok(Arc::clone(shared));
        }
        queues.by_name.insert(name, Arc::clone(&queue));
        Ok(queue)
    }

    /// The queue with this name.
    pub fn find(&self, name: &str) -> Option<Arc<Queue>> {
        self.lock().by_name.get(name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says how the shared queue is not what was requested.
fn check_shared(shared: &Queue, requested: &Queue) -> Result<(), String> {
    let name = shared.name();
    if shared.capacity() != requested.capacity() {
        let [has, requested] = [shared, requested].map(Queue::capacity);
        return Err(format!("Shared queue '{name}' has capacity {has} but requested capacity was {requested}"));
    }
    if shared.component_types() != requested.component_types() {
        let [has, requested] = [shared, requested].map(|queue| type_names(queue.component_types()));
        return Err(format!(
            "Shared queue '{name}' has component types {has} but requested component types were {requested}"
        ));
    }
    Ok(())
}
