#include "app/train/shop_application.h"

#include "app/train/application_data.h"
#include "engine/base/files.h"
#include "engine/data/parallel.h"
#include "engine/model/registry.h"
#include "engine/training/families.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

namespace app {
namespace {

using namespace engine;

/// Progress goes on; checkpoints of models that take seconds would be of no use.
class Monitor final : public TrainMonitor
{
public:
    Monitor(std::string application, const SayJson &say, Micros limit)
        : m_application(std::move(application)), m_say(say), m_deadline(systemClock().now() + limit)
    {
    }
    void progress(const std::string &what, double part) override
    {
        const auto now = systemClock().now();
        if (now - m_said < Micros{100'000})
            return;
        m_said = now;
        m_say({{"what", m_application + ": " + what}, {"part", part}});
    }
    void metric(const std::string &, std::int64_t, double) override {}
    void note(const std::string &) override {}
    [[nodiscard]] std::stop_token stop() const override { return {}; } // it is killed
    [[nodiscard]] const Clock &clock() const override { return systemClock(); }
    [[nodiscard]] MonoTime deadline() const override { return m_deadline; }
    [[nodiscard]] std::optional<Bytes> resumeFrom() override { return std::nullopt; }
    [[nodiscard]] bool isCheckpointDue() const override { return false; }
    [[nodiscard]] Result<> checkpoint(const Bytes &) override { return {}; }

private:
    const std::string m_application;
    const SayJson &m_say;
    const MonoTime m_deadline;
    MonoTime m_said{0};
};

double mean(const std::vector<float> &values)
{
    const auto sum = std::accumulate(values.begin(), values.end(), 0.0,
                                     [](double a, float b) { return a + static_cast<double>(b); });
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

class ShopApplication
{
public:
    ShopApplication(const ShopModelOrder &order, const KnownApplication &known, const SayJson &say)
        : m_order(order), m_known(known), m_say(say), m_shop(order.shop),
          m_folder(applicationFolder(m_shop, known.name))
    {
    }

    Result<> make()
    {
        const auto info = readShopInfo(m_shop);
        if (!info)
            return tl::unexpected(info.error());
        auto data = dataOf(*info);
        if (!data)
            return tl::unexpected(data.error());
        m_data = std::move(*data);
        auto key = SigningKey::loadOrCreate(m_order.key);
        if (!key)
            return tl::unexpected(key.error());
        m_key.emplace(std::move(*key));
        const auto training = m_folder / "training";
        DR_RETURN_IF_ERROR(makePrivateFolder(m_shop / "applications"));
        DR_RETURN_IF_ERROR(makePrivateFolder(m_folder));
        DR_RETURN_IF_ERROR(makePrivateFolder(training));
        auto order = m_data->prepare(training, m_folder);
        if (!order)
            return tl::unexpected(order.error());
        auto package = train(std::move(*order), info->source);
        if (!package)
            return tl::unexpected(package.error());
        std::error_code error;
        std::filesystem::remove_all(training, error);
        return accept(*package);
    }

private:
    Result<std::unique_ptr<ApplicationData>> dataOf(const ShopInfo &info) const
    {
        if (m_known.name == "search")
            return searchData(m_shop, info);
        if (info.synthetic.empty())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The application {} is synthetic, but this shop is made from a "
                                    "file; leave it out, or make the shop from synthetic:tiny, "
                                    "demo or large",
                                    m_known.name),
                        info.source);
        return m_known.name == "ads" ? adsData(info) : inventoryData(info);
    }

    Result<Package> train(TrainOrder order, const std::string &source)
    {
        order.seed = m_order.seed;
        order.threads = m_order.threads > 0 ? m_order.threads : static_cast<int>(workThreads());
        const auto family = familyNamed(m_known.family);
        if (!family)
            return tl::unexpected(family.error());
        Monitor monitor(std::string(m_known.name), m_say, std::chrono::seconds(m_order.timeLimit));
        auto model = (*family)->train(order, monitor);
        if (!model)
            return tl::unexpected(model.error());
        auto &manifest = model->manifest;
        manifest.family = m_known.family;
        manifest.version = "1";
        manifest.seed = m_order.seed;
        manifest.trainingData = fmt::format("{}, {}", source, m_known.name);
        manifest.recipe = "default";
        std::vector<TensorSource> tensors;
        for (const auto &tensor : model->tensors)
            tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
        const auto folder = m_folder / "packages" / manifest.version;
        const auto digest = writePackage(folder, manifest, tensors, *m_key, model->files);
        if (!digest)
            return tl::unexpected(digest.error());
        // From here on the model is what a replica would load: read back and verified.
        PackagePolicy policy;
        policy.trusted = m_key->publicKey();
        return readPackage(folder, policy);
    }

    /// Judges the model, keeps what live requests are held against, and promotes it.
    Result<> accept(const Package &package)
    {
        if (const auto index = package.files.find("search.index"); index != package.files.end())
            DR_RETURN_IF_ERROR(writeTextAtomically(
                m_folder / "search.index",
                {reinterpret_cast<const char *>(index->second.data()), index->second.size()}));
        const auto requests = m_data->requests(package);
        if (!requests)
            return tl::unexpected(requests.error());
        const auto earned = m_data->earned(package, *requests);
        if (!earned)
            return tl::unexpected(earned.error());
        const auto floor = m_data->floor(m_folder, *requests);
        if (!floor)
            return tl::unexpected(floor.error());
        RegistryEntry entry;
        entry.version = package.manifest.version;
        entry.digest = package.digest;
        entry.family = package.manifest.family;
        entry.metrics = package.manifest.metrics;
        entry.metrics["earned"] = mean(*earned);
        entry.metrics["earned without a model"] = *floor;
        entry.gatePassed = mean(*earned) > *floor;
        m_say({{"step", "evaluated"},
               {"application", m_known.name},
               {"version", entry.version},
               {"digest", entry.digest},
               {"gate_passed", entry.gatePassed},
               {"metrics", entry.metrics}});
        auto registry = Registry::open(m_folder);
        if (!registry)
            return tl::unexpected(registry.error());
        DR_RETURN_IF_ERROR(registry->add(entry));
        if (!entry.gatePassed)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The model for {} earns {:.4f} where the gateway alone earns "
                                    "{:.4f}, so it was not promoted",
                                    m_known.name, mean(*earned), *floor),
                        m_folder.string());
        DR_RETURN_IF_ERROR(registry->promote(entry.version));
        DR_RETURN_IF_ERROR(writeRequests(m_folder / "requests.jsonl", *requests));
        DR_RETURN_IF_ERROR(writeExpected(m_folder, package.digest, *earned));
        ApplicationInfo info;
        info.name = m_known.name;
        info.family = m_known.family;
        info.share = m_known.share;
        info.seed = m_order.seed;
        info.requests = requests->size();
        info.featureSchema = package.manifest.featureSchema;
        info.metrics = entry.metrics;
        return writeApplicationInfo(m_shop, info);
    }

    const ShopModelOrder &m_order;
    const KnownApplication &m_known;
    const SayJson &m_say;
    const std::filesystem::path m_shop, m_folder;
    std::unique_ptr<ApplicationData> m_data;
    std::optional<SigningKey> m_key;
};

} // namespace

Result<> makeShopApplication(const ShopModelOrder &order, const std::string &application,
                             const SayJson &say)
{
    const auto *known = knownApplication(application);
    if (!known)
        return fail(ErrorCode::Usage, "There is no application '" + application
                                          + "'; there are search, ads and inventory");
    return ShopApplication(order, *known, say).make();
}

} // namespace app
