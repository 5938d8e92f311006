module envelopes

go 1.24.0

require github.com/notaryproject/notation-core-go v1.3.0
