// Makes Trivy's database of a folder of OSV records with Trivy's own library: `trivy-db RECORDS CACHE`.
//
// RECORDS has JSON files in folders of any depth. CACHE is what is given to `trivy --cache-dir`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/ecosystem"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulndb"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/osv"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: trivy-db RECORDS CACHE")
		os.Exit(2)
	}
	if err := build(os.Args[1], filepath.Join(os.Args[2], "db")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func build(records, to string) error {
	// Trivy looks for a source of its own list in the names of what it finds.
	source := types.DataSource{ID: vulnerability.OSV, Name: "Open Source Vulnerability", URL: "https://osv.dev"}
	sources := map[ecosystem.Type]types.DataSource{}
	for _, kind := range []ecosystem.Type{ecosystem.Pip, ecosystem.Go, ecosystem.Cargo, ecosystem.Npm, ecosystem.Maven, ecosystem.RubyGems} {
		sources[kind] = source
	}
	if err := db.Init(to); err != nil {
		return err
	}
	defer db.Close()
	reader := osv.New(filepath.Base(records), vulnerability.OSV, sources)
	all := map[types.SourceID]vulnsrc.VulnSrc{vulnerability.OSV: reader}
	core := vulndb.New(filepath.Dir(records), to, 24*365*time.Hour, vulndb.WithVulnSrcs(all))
	return core.Build([]string{string(vulnerability.OSV)})
}
