mod closing;
mod connecting;
mod frames;
mod hostile;
mod lifelines;
mod node;

use node::Node;
