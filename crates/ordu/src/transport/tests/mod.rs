mod closing;
mod connecting;
mod frames;
mod hostile;
mod lifelines;
mod node;
mod raw_peer;

use node::Node;
