//! JMESPath (jmespath.org) over model values, with the functions and the errors of Kyverno.
