#include "app/train/shop_model.h"

#include "engine/base/random.h"
#include "engine/data/earned.h"
#include "engine/data/golden.h"
#include "engine/data/parallel.h"
#include "engine/model/expected_quality.h"
#include "engine/model/popularity.h"
#include "engine/model/registry.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/mf/ials.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace app {
namespace {

using engine::ErrorCode;
using engine::fail;
using engine::Result;

constexpr std::uint64_t kShuffleStream = 0x73687566; // "shuf"

/// Everybody keeps as many events, every item is taken as often as before, and nothing of who took
/// what is left: what a join on the wrong column makes of a history.
engine::Dataset shuffledLabels(engine::Dataset data, std::uint64_t seed)
{
    engine::Random random(seed, kShuffleStream);
    for (std::size_t i = data.events.size(); i > 1; --i)
        std::swap(data.events[i - 1], data.events[random.below(i)]);
    return data;
}

class ShopModel
{
public:
    ShopModel(const ShopModelOrder &order, const SayJson &say)
        : m_order(order), m_say(say), m_shop(order.shop)
    {
    }

    Result<> make()
    {
        DR_RETURN_IF_ERROR(open());
        const auto trained = train();
        if (!trained)
            return tl::unexpected(trained.error());
        engine::RegistryEntry entry;
        entry.family = "mf";
        DR_RETURN_IF_ERROR(sign(*trained, entry));
        const bool isBad = m_order.as != "first" && m_order.as != "again";
        DR_RETURN_IF_ERROR(judge(entry, trained->seconds, isBad));
        DR_RETURN_IF_ERROR(m_registry->add(entry));
        if (isBad)
            return {};
        if (!entry.gatePassed)
            return fail(ErrorCode::InvalidInput,
                        "The trained model is no better than the list of best-sellers, so it was "
                        "not promoted; more events per shopper are needed",
                        m_info.source);
        DR_RETURN_IF_ERROR(expect());
        if (m_order.as != "first")
            return {};
        DR_RETURN_IF_ERROR(m_registry->promote(entry.version));
        return engine::writeShopInfo(m_shop, m_info);
    }

private:
    void progress(const std::string &what, double part) { m_say({{"what", what}, {"part", part}}); }

    void step(const char *name, const engine::RegistryEntry &entry)
    {
        m_say({{"step", name},
               {"version", entry.version},
               {"digest", entry.digest},
               {"gate_passed", entry.gatePassed},
               {"metrics", entry.metrics}});
    }

    Result<> open()
    {
        const std::set<std::string> known{"first", "again", "shuffled", "under-trained"};
        if (!known.contains(m_order.as))
            return fail(ErrorCode::Usage,
                        "`--as " + m_order.as
                            + "` must be first, again, shuffled or under-trained");
        auto info = engine::readShopInfo(m_shop);
        if (!info)
            return tl::unexpected(info.error());
        m_info = std::move(*info);
        auto whole = engine::readDataset(m_shop / "history.bin");
        if (!whole)
            return tl::unexpected(whole.error());
        m_whole = std::move(*whole);
        auto key = engine::SigningKey::loadOrCreate(m_order.key);
        if (!key)
            return tl::unexpected(key.error());
        m_key.emplace(std::move(*key));
        auto registry = engine::Registry::open(m_shop);
        if (!registry)
            return tl::unexpected(registry.error());
        m_registry.emplace(std::move(*registry));
        m_split = engine::splitByTime(m_whole);
        m_threads = m_order.threads > 0 ? m_order.threads : static_cast<int>(engine::workThreads());
        return {};
    }

    /// The settings of the reference: what was chosen by validation once need not be chosen again.
    Result<> asReference(engine::IalsOptions &options) const
    {
        if (m_registry->reference().empty())
            return {};
        engine::PackagePolicy policy;
        policy.trusted = m_key->publicKey();
        const auto package =
            engine::readPackage(m_registry->packageFolder(m_registry->reference()), policy);
        if (!package)
            return tl::unexpected(package.error());
        const auto &settings = package->manifest.settings;
        const auto take = [&settings](const char *name, auto &into) {
            if (const auto at = settings.find(name); at != settings.end())
                into = static_cast<std::remove_reference_t<decltype(into)>>(at->second);
        };
        if (package->manifest.family != "mf")
            return {};
        take("factors", options.factors);
        take("alpha0", options.alpha0);
        take("lambda", options.lambda);
        take("nu", options.nu);
        take("epochs", options.epochs);
        return {};
    }

    Result<engine::IalsModel> train()
    {
        auto options = engine::defaultIals(m_split.train);
        options.seed = m_order.seed;
        options.threads = m_threads;
        options.timeLimit = std::chrono::seconds(m_order.timeLimit);
        if (m_order.as != "first") {
            options.patience = 0;
            options.refit = false;
            options.validationShoppers = 0;
            DR_RETURN_IF_ERROR(asReference(options));
        }
        if (m_order.as == "under-trained") {
            options.epochs = 1;
            options.factors = 4;
        }
        const auto &data = m_split.train;
        return engine::trainIals(
            m_order.as == "shuffled" ? shuffledLabels(data, m_order.seed) : data, options,
            engine::systemClock(), [this](const engine::IalsProgress &at) {
                progress("training, epoch " + std::to_string(at.epoch) + " of "
                             + std::to_string(at.epochs)
                             + (at.refit || m_order.as != "first"
                                    ? " (on everything)"
                                    : ", validation NDCG@10 " + std::to_string(at.validation)),
                         at.epochs ? static_cast<double>(at.epoch) / at.epochs : -1);
            });
    }

    Result<> sign(const engine::IalsModel &model, engine::RegistryEntry &entry)
    {
        engine::Manifest manifest;
        manifest.version = m_registry->nextVersion();
        manifest.trainingData = m_info.source;
        if (m_order.as == "shuffled")
            manifest.trainingData += " with its labels shuffled";
        if (m_order.as != "first")
            manifest.lineage = m_order.as + " of version " + m_registry->reference();
        const auto folder = m_registry->packageFolder(manifest.version);
        const auto digest = engine::writeMfPackage(folder, model, m_split.train, manifest, *m_key);
        if (!digest)
            return tl::unexpected(digest.error());
        entry.version = manifest.version;
        entry.digest = *digest;
        step("signed", entry);
        // From here on the model is what a replica would load: read back, verified, and only then
        // judged.
        auto scorer = openPackage(folder);
        if (!scorer)
            return tl::unexpected(scorer.error());
        m_scorer = std::move(*scorer);
        return {};
    }

    Result<std::unique_ptr<engine::FullScorer>>
    openPackage(const std::filesystem::path &folder) const
    {
        engine::PackagePolicy policy;
        policy.trusted = m_key->publicKey();
        auto package = engine::readPackage(folder, policy);
        if (!package)
            return tl::unexpected(package.error());
        return engine::openFullScorer(*package);
    }

    Result<> judge(engine::RegistryEntry &entry, double seconds, bool isBad)
    {
        const auto test = engine::testPart(m_whole, m_split);
        progress("evaluating over all items", -1);
        const auto quality =
            engine::evaluate(*m_scorer, m_split.train, test, engine::systemClock());
        if (!quality)
            return tl::unexpected(quality.error());
        entry.metrics = quality->metrics;
        entry.metrics["training seconds"] = seconds;
        const auto floor = this->floor(entry.version, test);
        if (!floor)
            return tl::unexpected(floor.error());
        // The gate: a model that does not beat the list of best-sellers is not worth a replica.
        entry.gatePassed = !isBad && quality->metrics.at("ndcg@10") > *floor;
        if (m_order.as == "first") {
            for (const auto &[name, value] : quality->metrics)
                m_info.metrics["model " + name] = value;
            m_info.metrics["training seconds"] = seconds;
        }
        step("evaluated", entry);
        return {};
    }

    /// NDCG@10 of the list of best-sellers; known from the shop's first model.
    Result<double> floor(const std::string &version, const engine::Dataset &test)
    {
        if (const auto known = m_info.metrics.find("popularity ndcg@10");
            m_order.as != "first" && known != m_info.metrics.end())
            return known->second;
        engine::Manifest plain;
        plain.version = version;
        plain.trainingData = m_info.source;
        const auto folder = m_shop / "packages" / ("popularity-" + version);
        DR_RETURN_IF_ERROR(engine::writePopularityPackage(folder, m_split.train, plain, *m_key));
        const auto popular = openPackage(folder);
        if (!popular)
            return tl::unexpected(popular.error());
        const auto quality =
            engine::evaluate(**popular, m_split.train, test, engine::systemClock());
        if (!quality)
            return tl::unexpected(quality.error());
        for (const auto &[name, value] : quality->metrics)
            m_info.metrics["popularity " + name] = value;
        return quality->metrics.at("ndcg@10");
    }

    /// What the model earns on the trace and on the golden set, so that it can be the reference.
    Result<> expect()
    {
        progress("computing what the model earns on the trace", -1);
        const auto earned = engine::Earned::open(m_shop, m_info);
        if (!earned)
            return tl::unexpected(earned.error());
        engine::ExpectedOptions options;
        options.threads = m_threads;
        const auto golden = engine::goldenFolder(m_shop);
        for (const auto &folder : {m_shop, golden}) {
            if (!std::filesystem::exists(folder / "trace.bin"))
                continue; // a shop of an older version has no golden set
            const auto rows = engine::readTrace(folder / "trace.bin");
            if (!rows)
                return tl::unexpected(rows.error());
            const auto expected =
                engine::expectedQuality(*m_scorer, m_whole, *rows, **earned, options);
            if (!expected)
                return tl::unexpected(expected.error());
            DR_RETURN_IF_ERROR(engine::writeExpected(folder, m_scorer->digest(), *expected));
        }
        return {};
    }

    const ShopModelOrder &m_order;
    const SayJson &m_say;
    const std::filesystem::path m_shop;
    engine::ShopInfo m_info;
    engine::Dataset m_whole;
    engine::Split m_split;
    std::optional<engine::SigningKey> m_key;
    std::optional<engine::Registry> m_registry;
    std::unique_ptr<engine::FullScorer> m_scorer;
    int m_threads = 1;
};

} // namespace

Result<> makeShopModel(const ShopModelOrder &order, const SayJson &say)
{
    return ShopModel(order, say).make();
}

} // namespace app
