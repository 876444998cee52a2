#include "app/train/job_inputs.h"

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;

Result<engine::InputFile> inputFile(const ModelJob &job, const std::string &path)
{
    engine::InputFile file;
    file.path = path;
    file.format = job.format;
    auto columns = engine::parseColumns(job.columns);
    if (!columns)
        return tl::unexpected(columns.error());
    file.columns = std::move(*columns);
    return file;
}

Result<engine::Recipe> recipeOf(const ModelJob &job)
{
    engine::Recipe recipe;
    if (!job.recipe.empty()) {
        auto read = engine::readRecipe(job.recipe);
        if (!read)
            return read;
        recipe = std::move(*read);
    }
    for (const auto &assignment : job.set)
        DR_RETURN_IF_ERROR(engine::setSetting(recipe, assignment));
    return recipe;
}

Result<engine::Package> openModel(const ModelJob &job)
{
    const auto key = engine::SigningKey::loadOrCreate(job.key);
    if (!key)
        return tl::unexpected(key.error());
    engine::PackagePolicy policy;
    policy.trusted = key->publicKey();
    return engine::readPackage(job.model, policy);
}

Result<std::string> fileDigest(const std::filesystem::path &path, std::stop_token stop)
{
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        return fail(ErrorCode::NotFound, "There is no such file", path.string());
    if (!std::filesystem::is_regular_file(status)) // a FIFO would be waited for
        return fail(ErrorCode::InvalidInput, "This is not a regular file; name one", path.string());
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rbe"),
                                                                &std::fclose);
    if (!file)
        return engine::failErrno("Cannot read " + path.string());
    engine::Hasher hasher;
    std::vector<std::uint8_t> block(1 << 20);
    for (;;) {
        if (stop.stop_requested())
            return fail(ErrorCode::Halted, "Stopped; nothing was left behind");
        const auto got = std::fread(block.data(), 1, block.size(), file.get());
        if (got == 0)
            break;
        hasher.add({block.data(), got});
    }
    if (std::ferror(file.get()) != 0)
        return engine::failErrno("Cannot read " + path.string());
    return engine::hex(hasher.finish());
}

Result<std::string> orderDigest(const ModelJob &job, const engine::TrainOrder &order,
                                std::stop_token stop)
{
    auto json = nlohmann::json::object();
    for (const auto &[name, path] : {std::pair("train", job.train), std::pair("valid", job.valid),
                                     std::pair("products", job.products)}) {
        if (path.empty())
            continue;
        const auto digest = fileDigest(path, stop);
        if (!digest)
            return digest;
        json[name] = *digest;
    }
    for (const auto &[name, value] : order.recipe.settings)
        json["settings"][name] = value.text;
    json["family"] = job.family;
    json["format"] = job.format;
    json["columns"] = job.columns;
    json["seed"] = order.seed;
    json["threads"] = order.threads;
    json["device"] = order.device;
    if (order.initial)
        json["initial"] = order.initial->digest;
    return engine::hex(engine::sha256(json.dump()));
}

} // namespace app
