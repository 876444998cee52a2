#include "engine/training/families.h"

#include "engine/training/ctr/ctr_family.h"
#include "engine/training/demand/demand_family.h"
#include "engine/training/mf/mf_family.h"
#include "engine/training/popularity_family.h"
#include "engine/training/search/search_family.h"
#include "engine/training/sequence/sequence_family.h"

namespace engine {

const std::vector<const Family *> &families()
{
    // One line per family: &xxxFamily() of engine/training/xxx/xxx_family.h.
    static const std::vector<const Family *> all{&popularityFamily(), &mfFamily(),
                                                 &sequenceFamily(),   &searchFamily(),
                                                 &ctrFamily(),        &demandFamily()};
    return all;
}

Result<const Family *> familyNamed(std::string_view name)
{
    std::string names;
    for (const auto *family : families()) {
        if (family->name() == name)
            return family;
        names += (names.empty() ? "" : ", ") + family->name();
    }
    return fail(ErrorCode::Usage,
                "There is no model family '" + std::string(name) + "'; there are: " + names);
}

} // namespace engine
