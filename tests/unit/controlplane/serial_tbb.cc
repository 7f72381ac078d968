// Debian's libtbb knows nothing of ThreadSanitizer: how its threads wait for one another stays
// unseen, and each piece of parallel work would be called a race. Under TSan oneTBB's work is done
// by the one who asks for it; our own threads, which the tests are about, stay what they are.
#ifdef __SANITIZE_THREAD__
#include <tbb/global_control.h>

namespace {
const tbb::global_control serial(tbb::global_control::max_allowed_parallelism, 1);
}  // namespace
#endif
