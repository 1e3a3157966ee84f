/** Types of AssemblyScript, so that tsc and asc both read the files that serve the two engines. */
type i32 = number
type bool = boolean
