# hook aggregate
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r4, %r3
    add %r4, 8
    jgt %r4, %r2, i28
    ldxdw %r4, [%r1+16]
    ldxdw %r2, [%r1+24]
    mov %r5, %r4
    add %r5, 8
    jgt %r5, %r2, i28
    mov %r0, 1
    ldxdw %r2, [%r1+64]
    ldxdw %r1, [%r1+56]
    add %r1, 16
    jgt %r1, %r2, i28
    ldxdw %r4, [%r4]
    ldxdw %r3, [%r3]
i18:
    ldxdw %r5, [%r1-16]
    jge %r5, %r4, i26
    stxdw [%r1-16], %r4
    ldxdw %r4, [%r1-8]
    stxdw [%r1-8], %r3
    mov %r3, %r4
    mov %r4, %r5
    jeq %r5, 0, i28
i26:
    add %r1, 16
    jle %r1, %r2, i18
i28:
    exit
