# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 8
    jgt %r1, %r2, i25
    sub %r2, %r1
    mov %r0, 0
    rsh %r2, 2
    mov %r4, %r2
    lsh %r4, 32
    rsh %r4, 32
    jeq %r4, 0, i25
    ldxw %r4, [%r3]
    mov %r5, 0
    lddw %r3, 0xfffffffe
    ja i26
i17:
    mov %r0, %r6
    lsh %r0, 32
    rsh %r0, 32
    mov %r7, %r2
    lsh %r7, 32
    rsh %r7, 32
    mov %r5, %r6
    jgt %r7, %r0, i26
i25:
    exit
i26:
    mov %r6, %r2
    sub %r6, %r5
    and %r6, %r3
    rsh %r6, 1
    add %r6, %r5
    mov %r0, %r6
    lsh %r0, 32
    rsh %r0, 32
    lsh %r0, 2
    mov %r7, %r1
    add %r7, %r0
    ldxw %r0, [%r7]
    jlt %r0, %r4, i40
    mov %r2, %r6
i40:
    add %r6, 1
    jlt %r0, %r4, i17
    mov %r6, %r5
    ja i17
