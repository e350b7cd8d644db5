//! The lines that a tech writes for us: `#done 25m`, `#assign sam`.
