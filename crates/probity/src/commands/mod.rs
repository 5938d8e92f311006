pub(crate) mod controls;
pub(crate) mod destination;
pub(crate) mod evidence;
pub(crate) mod init;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod scan;
pub(crate) mod serve;
