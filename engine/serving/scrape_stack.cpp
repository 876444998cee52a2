// civetweb, which serves /metrics under prometheus-cpp, gives its threads stacks of 100 KB, and the
// C library cuts the thread-local data of every linked library out of them: with LibTorch that is
// most of it, and the first scrape of a replica ended the process. This definition stands before
// the C library's, in programs that show /metrics (linked with --export-dynamic-symbol).

#include <algorithm>
#include <dlfcn.h>
#include <pthread.h>

extern "C" int pthread_attr_setstacksize(pthread_attr_t *attributes, std::size_t size)
{
    constexpr std::size_t kLeast = 1 << 20; // address space; pages are taken as they are touched
    using Set = int (*)(pthread_attr_t *, std::size_t);
    static const auto set = reinterpret_cast<Set>(::dlsym(RTLD_NEXT, "pthread_attr_setstacksize"));
    return set(attributes, std::max(size, kLeast));
}

namespace engine {

/// Called by what starts the server, so that the linker takes this file.
void useScrapeStack() {}

} // namespace engine
