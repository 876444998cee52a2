#include "ui/widgets/runs_card.h"

#include "ui/models/cell_delegate.h"
#include "ui/models/runs_model.h"
#include "ui/session/words.h"
#include "ui/theme/theme.h"

#include <QDateTime>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

bool matches(const engine::RecordingSummary &run, const QString &text)
{
    QStringList said{qs(run.drill), qs(run.run), qs(run.shop), qs(run.path).section(u'/', -1),
                     qs(run.error)};
    if (run.verdict)
        said << qs(engine::name(run.verdict->word));
    const QString all = said.join(u'\n');
    const auto words = text.split(u' ', Qt::SkipEmptyParts);
    return std::all_of(words.begin(), words.end(), [&](const QString &word) {
        return all.contains(word, Qt::CaseInsensitive);
    });
}

RunsCard::RunsCard(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 12, 8, 4);
    layout->setSpacing(4);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(8, 0, 8, 0);
    head->addWidget(makeLabel(tr("Recent runs"), "title", "runsTitleLabel", this));
    m_count = makeLabel({}, "muted", "runsCountLabel", this);
    head->addWidget(m_count);
    head->addStretch();
    m_hint = makeLabel(tr("drop a recording here to open it"), "muted", "runsHintLabel", this);
    head->addWidget(m_hint);
    head->addSpacing(12);
    m_search = named(new QLineEdit(this), "runsSearchEdit");
    m_search->setPlaceholderText(tr("Search drill, run, shop, verdict"));
    m_search->setAccessibleName(tr("Search runs"));
    m_search->setClearButtonEnabled(true);
    m_search->setFixedWidth(240);
    head->addWidget(m_search);
    layout->addLayout(head);
    m_model = new RunsModel(this);
    m_table = named(new QTableView(this), "runsTable");
    m_table->setAccessibleName(tr("Recent runs"));
    m_table->setModel(m_model);
    setUpTable(m_table, 36);
    m_table->horizontalHeader()->setSectionResizeMode(RunsModel::Drill, QHeaderView::Stretch);
    const int widths[RunsModel::ColumnCount] = {116, 200, 124, 84, 84, 84, 110};
    for (int i = 0; i < RunsModel::ColumnCount; ++i)
        if (i != RunsModel::Drill)
            m_table->horizontalHeader()->resizeSection(i, widths[i]);
    m_empty = makeLabel(tr("No runs yet. The first one is recorded from its first request; "
                           "it can be played back here at any time, without a shop."),
                        "muted", "runsEmptyLabel", this);
    m_empty->setWordWrap(true);
    m_empty->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_empty);
    layout->addWidget(m_table, 1);
    layout->addStretch();
    m_table->hide();
    const auto open = [this](const QModelIndex &index) {
        Q_EMIT openAsked(m_model->path(index.row()));
    };
    connect(m_table, &QTableView::doubleClicked, this, open);
    connect(m_table, &QTableView::activated, this, open);
    connect(m_search, &QLineEdit::textChanged, this, &RunsCard::filter);
}

void RunsCard::show(std::vector<engine::RecordingSummary> runs)
{
    m_all = std::move(runs);
    filter();
}

void RunsCard::filter()
{
    auto runs = m_all;
    std::erase_if(runs, [this](const auto &run) { return !matches(run, m_search->text()); });
    m_count->setText(m_all.empty() ? QString()
                     : runs.size() == m_all.size()
                         ? tr("%1").arg(runs.size())
                         : tr("%1 of %2").arg(runs.size()).arg(m_all.size()));
    m_empty->setVisible(m_all.empty());
    m_search->setVisible(!m_all.empty());
    m_table->setVisible(!m_all.empty());
    m_model->show(std::move(runs), QDateTime::currentMSecsSinceEpoch() * 1000);
}

void RunsCard::resizeEvent(QResizeEvent *event)
{
    QFrame::resizeEvent(event);
    const bool isNarrow = width() < 800;
    m_table->setColumnHidden(RunsModel::Run, isNarrow);
    m_hint->setVisible(!isNarrow);
}

} // namespace ui
