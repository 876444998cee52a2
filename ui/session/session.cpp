#include "ui/session/session.h"

#include "ui/session/background.h"

namespace ui {

Session::Session(engine::Operations &operations, QObject *parent)
    : QObject(parent), m_operations(operations)
{
}

Session::~Session() = default;

void Session::pulse()
{
    const auto before = m_progress;
    m_progress = m_operations.progress();
    if (m_progress.recording != m_livePath) {
        m_livePath = m_progress.recording;
        retire(std::exchange(m_live, m_livePath.empty() ? nullptr : m_operations.openLive()));
        Q_EMIT liveChanged();
    }
    if (before.running && !m_progress.running) {
        Q_EMIT runFinished(QString::fromStdString(before.recording),
                           QString::fromStdString(m_progress.error));
        reloadLists();
    }
}

void Session::reloadLists()
{
    if (m_loadingLists)
        return;
    m_loadingLists = true;
    struct Lists
    {
        std::vector<engine::DrillSummary> drills;
        std::vector<engine::RecordingSummary> recordings;
        std::vector<engine::Check> checks;
    };
    runInBackground(
        this,
        [&operations = m_operations] {
            return Lists{operations.drills(), operations.recordings(), operations.checks()};
        },
        [this](Lists lists) {
            m_loadingLists = false;
            m_listsKnown = true;
            m_drills = std::move(lists.drills);
            m_recordings = std::move(lists.recordings);
            m_checks = std::move(lists.checks);
            Q_EMIT listsChanged();
        });
}

void Session::reloadShop()
{
    if (m_loadingShop)
        return;
    m_loadingShop = true;
    runInBackground(
        this, [&operations = m_operations] { return operations.shop(); },
        [this](engine::Result<engine::ShopStatus> shop) {
            m_loadingShop = false;
            m_shopProblem.clear();
            if (shop)
                m_shop = std::move(*shop);
            else
                m_shopProblem = QString::fromStdString(shop.error().text());
            Q_EMIT shopChanged();
        });
}

} // namespace ui
