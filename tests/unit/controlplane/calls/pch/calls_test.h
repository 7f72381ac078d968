// Precompiled for every file of calls_test: what all of them include, and nothing else.
#include "tests/unit/controlplane/calls/switch_fixture.h"
