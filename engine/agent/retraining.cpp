#include "engine/agent/retraining.h"

#include "engine/model/registry.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kShown{2'500'000};

std::string shortOf(const std::string &digest)
{
    return digest.substr(0, 12);
}

} // namespace

Retraining::~Retraining()
{
    cancel();
}

Result<> Retraining::start(const std::string &by)
{
    if (m_busy.exchange(true))
        return fail(ErrorCode::Busy, "A retraining is under way already");
    const std::lock_guard lock(m_mutex);
    m_thread = std::jthread([this, by](const std::stop_token &stop) { run(stop, by); });
    return {};
}

void Retraining::cancel()
{
    const std::lock_guard lock(m_mutex);
    if (!m_busy)
        return;
    m_thread.request_stop();
    m_trainer.cancel();
}

void Retraining::run(const std::stop_token &stop, const std::string &by)
{
    const auto done = work(stop, by);
    // Once as the last step, once as the end of all of them.
    tell(by, done ? *done : done.error().text(), true);
    tell(by, done ? *done : done.error().text(), false);
    m_busy = false;
}

Result<std::string> Retraining::work(const std::stop_token &stop, const std::string &by)
{
    const auto folder = m_world.shopFolder();
    const auto before = Registry::open(folder);
    DR_RETURN_IF_ERROR(before);
    tell(by,
         fmt::format("training on the shop's history, instead of version {}", before->serving()),
         true);
    const auto from = m_world.clock().now();
    // Another seed each time, so that a training that went wrong is not simply repeated.
    const auto seed = std::strtoull(before->nextVersion().c_str(), nullptr, 10);
    const auto trained = m_trainer.train(folder, "again", seed, [&](const auto &what, double) {
        spdlog::info("retraining what=\"{}\"", what);
    });
    DR_RETURN_IF_ERROR(trained);
    const auto ndcg = trained->metrics.find("ndcg@10");
    tell(by,
         fmt::format("version {} ({}) trained, signed and evaluated in {:.1f} s: NDCG@10 {:.4f}, "
                     "better than the best-sellers",
                     trained->version, shortOf(trained->digest),
                     static_cast<double>((m_world.clock().now() - from).count()) / 1e6,
                     ndcg == trained->metrics.end() ? 0 : ndcg->second),
         true);
    const auto replicas = m_world.replicas();
    if (replicas.empty())
        return fail(ErrorCode::Unavailable, "There is no replica to show the new model on");
    tell(by,
         fmt::format("version {} goes to {} for {:.0f} % of the shoppers", trained->version,
                     replicas.front(), 100 * kCanaryShare),
         true);
    CanaryRun canary(m_world, m_hub, m_setCanary);
    const auto shown = canary.show(stop, trained->version, trained->digest, kShown);
    if (!shown) {
        canary.takeBack();
        return tl::unexpected(shown.error());
    }
    auto registry = Registry::open(folder);
    DR_RETURN_IF_ERROR(registry);
    DR_RETURN_IF_ERROR(registry->promote(trained->version));
    tell(by, fmt::format("version {} is promoted: {}", trained->version, textOf(*shown)), true);
    m_world.deploy(replicas, trained->version);
    GoldenLook least;
    for (const auto &replica : replicas) {
        const auto look = canary.seen(stop, replica, trained->digest);
        if (!look) {
            (void)m_setCanary({}, 0);
            return tl::unexpected(look.error());
        }
        if (least.digest.empty() || look->quality < least.quality)
            least = *look;
    }
    DR_RETURN_IF_ERROR(m_setCanary({}, 0));
    return fmt::format("version {} ({}) serves on {} replicas: {}", trained->version,
                       shortOf(trained->digest), replicas.size(), textOf(least));
}

void Retraining::tell(const std::string &by, const std::string &detail, bool active)
{
    spdlog::info("retraining active={} detail=\"{}\"", active, detail);
    m_hub.publish(Payload{
        ResponseChanged{"retrain", "shop", by, detail, active, m_world.clock().now().count()}});
}

} // namespace engine
