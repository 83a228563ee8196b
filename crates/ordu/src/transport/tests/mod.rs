mod closing;
mod connecting;
mod frames;
mod hostile;
mod lifelines;
mod node;
mod raw_peer;
mod together;

use node::Node;
