//! The short texts of Kubernetes and of Go: what is read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_go::{pem, regex, time, x509};
use probity_kubernetes::image::Image;
use probity_kubernetes::kind::KindSelector;
use probity_kubernetes::quantity::Quantity;
use probity_kubernetes::selector::Selector;
use probity_kubernetes::semver::{Range, Version};
use probity_kubernetes::{duration, wildcard};

fuzz_target!(|text: &str| {
    if let Ok(quantity) = text.parse::<Quantity>() {
        assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
    }
    if let Ok(nanoseconds) = duration::parse(text) {
        assert!(duration::parse(&duration::format(nanoseconds)).is_ok());
    }
    if let Ok(image) = Image::parse(text, "docker.io") {
        assert_eq!(Image::parse(&image.reference(), "docker.io").map(|image| image.path), Ok(image.path));
    }
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    let _ = (text.parse::<Range>(), text.parse::<Selector>(), Version::parse_tolerant(text));
    let _ = KindSelector::parse(text);
    let _ = regex::compile(text);
    let (first, rest) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let _ = wildcard::matches(first, rest);
    let _ = time::parse(first, rest);
    if let Some((block, _)) = pem::next(text) {
        let _ = (x509::certificate(&block.bytes), x509::request(&block.bytes));
    }
});
