#include "ui/widgets/verdict_card.h"

#include "ui/models/cell_delegate.h"
#include "ui/models/measure_model.h"
#include "ui/theme/theme.h"
#include "ui/widgets/tone.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

/// The verdict's icon in a ring of its colour.
class VerdictBadge : public QWidget
{
public:
    explicit VerdictBadge(QWidget *parent) : QWidget(parent) { setFixedSize(44, 44); }
    void show(const StateWord &word)
    {
        m_word = word;
        update();
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        const QColor colour = toneColour(m_word.tone);
        painter.setPen(QPen(colour, 1.5));
        painter.setBrush(tokens().tint(colour));
        painter.drawEllipse(QRectF(1.5, 1.5, 41, 41));
        drawIcon(painter, m_word.icon, colour, QRectF(12, 12, 20, 20));
    }

private:
    StateWord m_word;
};

namespace {

constexpr int kWordsWidth = 268;

const char *roleOf(Tone tone)
{
    switch (tone) {
    case Tone::Ok:
        return "verdict-ok";
    case Tone::Danger:
        return "verdict-danger";
    case Tone::Warning:
        return "verdict-warning";
    default:
        return "verdict-muted";
    }
}

} // namespace

VerdictCard::VerdictCard(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(20, 12, 12, 12);
    layout->setSpacing(16);

    auto *left = new QVBoxLayout;
    left->setSpacing(6);
    auto *head = new QHBoxLayout;
    head->setSpacing(12);
    m_badge = named(new VerdictBadge(this), "verdictBadge");
    head->addWidget(m_badge, 0, Qt::AlignTop);
    auto *words = new QVBoxLayout;
    words->setSpacing(0);
    m_word = makeLabel({}, "verdict-muted", "verdictWordLabel", this);
    m_count = makeLabel({}, "secondary", "verdictCountLabel", this);
    words->addWidget(m_word);
    words->addWidget(m_count);
    head->addLayout(words, 1);
    left->addLayout(head);
    m_sentence = makeLabel({}, "item", "verdictSentenceLabel", this);
    m_sentence->setWordWrap(true);
    left->addWidget(m_sentence);
    m_reason = makeLabel({}, "muted", "verdictReasonLabel", this);
    m_reason->setWordWrap(true);
    left->addWidget(m_reason);
    m_goThere = named(new QPushButton(tr("Go to where it broke"), this), "goToReasonButton");
    m_goThere->setProperty("kind", QStringLiteral("link"));
    left->addWidget(m_goThere, 0, Qt::AlignLeft);
    auto *seal = new QHBoxLayout;
    seal->setSpacing(6);
    m_sealIcon = named(new QLabel(this), "sealIconLabel");
    m_seal = makeLabel({}, "secondary", "sealLabel", this);
    m_seal->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    seal->addWidget(m_sealIcon);
    seal->addWidget(m_seal, 1);
    left->addLayout(seal);
    left->addStretch();
    auto *buttons = new QHBoxLayout;
    m_rerun = named(new QPushButton(tr("Re-run"), this), "rerunButton");
    m_rerun->setIcon(icon(QStringLiteral("retrain")));
    m_report = named(new QPushButton(tr("Report"), this), "reportButton");
    m_report->setIcon(icon(QStringLiteral("reports")));
    buttons->addWidget(m_rerun);
    buttons->addWidget(m_report);
    buttons->addStretch();
    left->addLayout(buttons);
    auto *leftBox = named(new QWidget(this), "verdictWords");
    leftBox->setLayout(left);
    left->setContentsMargins(0, 0, 0, 0);
    leftBox->setFixedWidth(kWordsWidth);
    m_words = leftBox;
    layout->addWidget(leftBox);

    auto *rule = named(new QFrame(this), "verdictRule");
    rule->setProperty("rule", QStringLiteral("v"));
    layout->addWidget(rule);
    m_model = new MeasureModel(this);
    m_table = named(new QTableView(this), "measureTable");
    m_table->setAccessibleName(tr("Measures of the verdict"));
    m_table->setModel(m_model);
    setUpTable(m_table, 40);
    m_table->setSelectionMode(QAbstractItemView::NoSelection);
    const int widths[MeasureModel::ColumnCount] = {180, 150, 220, 170, 120};
    auto *header = m_table->horizontalHeader();
    for (int i = 0; i < MeasureModel::ColumnCount; ++i)
        header->resizeSection(i, widths[i]);
    header->setSectionResizeMode(MeasureModel::Measured, QHeaderView::Stretch);
    m_noMeasures = makeLabel(tr("This recording holds no drill, so nothing was judged."), "muted",
                             "noMeasuresLabel", this);
    m_noMeasures->setAlignment(Qt::AlignCenter);
    layout->addWidget(m_table, 1);
    layout->addWidget(m_noMeasures, 1);
    connect(m_rerun, &QPushButton::clicked, this, &VerdictCard::rerunAsked);
    connect(m_report, &QPushButton::clicked, this, &VerdictCard::reportAsked);
    connect(m_goThere, &QPushButton::clicked, this, &VerdictCard::reasonAsked);
}

void VerdictCard::setCanRerun(bool can)
{
    m_rerun->setVisible(can);
}

void VerdictCard::setSeal(const QString &seal, bool sound)
{
    if (m_seal->toolTip() == seal && !m_sealIcon->pixmap().isNull())
        return;
    // One line in full length on the tooltip: the tracks need the height more.
    m_seal->setText(m_seal->fontMetrics().elidedText(seal, Qt::ElideRight, kWordsWidth - 24));
    m_seal->setToolTip(seal);
    m_sealIcon->setPixmap(iconPixmap(sound ? QStringLiteral("agent") : QStringLiteral("warning"),
                                     sound ? tokens().textMuted : tokens().warning, 14,
                                     devicePixelRatioF()));
}

void VerdictCard::show(const engine::Verdict &verdict)
{
    m_verdict = verdict;
    const StateWord word = verdictWord(verdict.word);
    m_badge->show(word);
    m_word->setText(verdict.word == engine::Word::Running ? tr("RUNNING")
                                                          : qs(engine::name(verdict.word)));
    setRole(m_word, roleOf(word.tone));
    const auto count = verdict.measures.size();
    const auto met = std::count_if(verdict.measures.begin(), verdict.measures.end(),
                                   [](const auto &m) { return m.verdict == engine::Word::Pass; });
    m_count->setText(count ? tr("%1 of %2 rules met").arg(met).arg(count) : QString());
    m_sentence->setText(qs(verdict.sentence));
    m_sentence->setVisible(!verdict.sentence.empty());
    m_reason->setText(qs(verdict.reason));
    m_reason->setVisible(!verdict.reason.empty() && verdict.reason != verdict.sentence);
    m_goThere->setVisible(verdict.reasonAt.has_value());
    // The layout gives wrapped words too little height where the card's is fixed.
    for (auto *label : {m_sentence, m_reason})
        label->setFixedHeight(std::max(0, label->heightForWidth(label->parentWidget()->width())));
    m_model->show(verdict.measures);
    m_table->setVisible(count > 0);
    m_noMeasures->setVisible(count == 0);
    const int rows = std::clamp(static_cast<int>(count), 2, 6);
    m_words->layout()->activate();
    setFixedHeight(std::max(26 + 40 * rows + 28, m_words->sizeHint().height() + 24));
    update();
}

void VerdictCard::paintEvent(QPaintEvent *event)
{
    QFrame::paintEvent(event);
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(toneColour(verdictWord(m_verdict.word).tone));
    painter.drawRoundedRect(QRectF(0, 1, 3, height() - 2.0), 1.5, 1.5);
}

} // namespace ui
