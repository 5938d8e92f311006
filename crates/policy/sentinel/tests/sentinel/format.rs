//! The formatter.

use crate::support::policy;

#[test]
fn spaces_and_indentation() {
    let text = r#"# A policy.
import   "strings"


param  p default [ 1,2 ]
f=func( a,b ){   # sums
return a+b
}
m = { "a":1, # one
}
n = {
"a": 1,
"long": [1 ,2],

"b" : {
"c":-1,
},
}
x = m [ "a" ]+f( 1,- 2 )   else n.b . c
y = x[ 1 : 2 ]
for n as k,v {
if not ( v is  1 ){ continue } else { break }
case v {
when 1,2:
x=1
else:
x = {}
}
}
total = 1 +
2
/* a block
   comment */
main = rule when x is defined {
all [1] as n { n>0 } and
(x is empty or
y) // last
}
open = filter x as a, b {
a and
b
}
if (x or
y) and
z {
x = f(1) and
g(func() {
return 1
})
}"#;
    let expected = r#"# A policy.
import "strings"

param p default [1, 2]
f = func(a, b) { # sums
	return a + b
}
m = {"a": 1, # one
}
n = {
	"a":    1,
	"long": [1, 2],

	"b": {
		"c": -1,
	},
}
x = m["a"] + f(1, -2) else n.b.c
y = x[1:2]
for n as k, v {
	if not (v is 1) { continue } else { break }
	case v {
	when 1, 2:
		x = 1
	else:
		x = {}
	}
}
total = 1 +
	2
/* a block
   comment */
main = rule when x is defined {
	all [1] as n { n > 0 } and
	(x is empty or
		y) // last
}
open = filter x as a, b {
	a and
		b
}
if (x or
	y) and
	z {
	x = f(1) and
		g(func() {
			return 1
		})
}
"#;
    let formatted = policy(text).formatted();
    assert_eq!(formatted, expected);
    assert_eq!(policy(&formatted).formatted(), formatted);
}
