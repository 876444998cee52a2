#include "engine/training/mf/mf_options.h"

#include "engine/training/mf/carve.h"

#include <algorithm>

namespace engine {
namespace {

/// Products of one validation pass stay below this many multiplications.
constexpr double kValidationWork = 4e10;

void bySize(MfOptions &options, const Dataset &train)
{
    const auto events = train.events.size();
    options.factors = events < 20'000 ? 32 : events < 200'000 ? 64 : events < 600'000 ? 128 : 256;
    options.spectral = events < 20'000 ? 64 : events < 200'000 ? 128 : events < 600'000 ? 256 : 512;
    options.transition = std::min(options.spectral, 256);
}

int wholePart(std::size_t value)
{
    return static_cast<int>(std::min<std::size_t>(value, 4096));
}

} // namespace

Result<MfOptions> readMfOptions(const Recipe &recipe, const Dataset &train)
{
    MfOptions options;
    SettingsReader in(recipe);
    options.isOrdered = keepsOrder(train);
    bySize(options, train);
    in.choice("method", options.method, {"blend", "ials", "linear", "bpr"});
    std::string order = "auto";
    in.choice("order", order, {"auto", "kept", "none"});
    if (order != "auto")
        options.isOrdered = order == "kept";
    if (options.method == "ials" || options.method == "bpr")
        options.spectral = options.transition = 0;
    if (options.method == "linear")
        options.factors = 0;
    if (!options.isOrdered)
        options.transition = 0;
    options.cutoff = options.isOrdered ? 10 : 20;
    // A rank near the matrix's own says nothing new.
    const auto least =
        std::max<std::size_t>(1, std::min<std::size_t>(train.shoppers(), train.items));
    if (!in.has("spectral"))
        options.spectral = std::min(options.spectral, wholePart((least + 1) / 2));
    if (!in.has("transition"))
        options.transition = std::min(options.transition, wholePart((train.items + 1) / 2));
    in.whole("factors", options.factors, options.method == "linear" ? 0 : 1, 2048);
    in.whole("spectral", options.spectral, 0, 2048);
    in.whole("transition", options.transition, 0, 2048);
    Ridge ridge{0.1, 0.01, 1};
    in.number("alpha0", ridge.alpha0, 0, 100);
    in.number("lambda", ridge.lambda, 1e-9, 1e4);
    in.number("nu", ridge.nu, 0, 4);
    if (in.has("alpha0") || in.has("lambda") || in.has("nu"))
        options.ridges = {ridge};
    else if (options.method == "bpr")
        options.ridges = {Ridge{0.1, 0.01, 1}};
    else
        options.ridges = {Ridge{0.02, 0.05, 0.5}, Ridge{0.1, 0.01, 1}, Ridge{0.1, 0.003, 1},
                          Ridge{0.5, 0.003, 1}};
    if (options.method == "bpr")
        options.epochs = 60;
    in.whole("epochs", options.epochs, 1, 10'000);
    in.whole("patience", options.patience, 1, 10'000);
    in.whole("cg_steps", options.cgSteps, 1, 100);
    in.number("rate", options.rate, 1e-6, 1);
    in.number("regularisation", options.regularisation, 0, 1);
    in.whole("iterations", options.iterations, 1, 50);
    in.whole("window", options.window, 1, 100);
    in.number("shopper_power", options.shopperPower, 0, 2);
    in.number("item_power", options.itemPower, 0, 2);
    in.flag("refit", options.refit);
    in.number("share", options.share, 0.01, 0.5);
    in.whole("cutoff", options.cutoff, 1, 1000);
    const double work =
        static_cast<double>(std::max<std::uint32_t>(1, train.items))
        * std::max(1, std::max({options.factors, options.spectral, options.transition}));
    options.validationShoppers =
        static_cast<int>(std::clamp(kValidationWork / work, 300.0, 6000.0));
    in.whole("validation_shoppers", options.validationShoppers, 1, 10'000'000);
    DR_RETURN_IF_ERROR(in.finish());
    if (!options.isOrdered && options.transition > 0)
        return fail(ErrorCode::InvalidInput,
                    "transition needs data in the order of time; add --set order=kept if it is",
                    recipe.settings.at("transition").place);
    if (options.factors + options.spectral + options.transition == 0)
        return fail(ErrorCode::InvalidInput,
                    "Nothing is left to train: factors, spectral and transition are all 0");
    return options;
}

std::string mfSettingsHelp()
{
    return "  method=blend          blend (factors + spectral + transition), ials, linear, bpr\n"
           "  factors=32..256       of the folded-in part, by the number of events\n"
           "  alpha0, lambda, nu    its loss; without any of them four sets are tried\n"
           "  epochs=16, patience=2, cg_steps=3\n"
           "  rate=.05, regularisation=.002          bpr (epochs=60)\n"
           "  spectral=64..512      rank of the linear part from who took what\n"
           "  shopper_power=.25, item_power=.4, iterations=4\n"
           "  transition=64..256    rank of the linear part from what followed what\n"
           "  window=3              events that count as followed\n"
           "  order=auto            kept, none: whether lists are in the order of time; auto "
           "looks\n"
           "                        whether they are sorted by id\n"
           "  share=.1, validation_shoppers, cutoff=10|20, refit=true\n";
}

} // namespace engine
