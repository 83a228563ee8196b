mod certificates;
mod files;
